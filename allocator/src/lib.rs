//! The allocator of the `xmeet` program, mimalloc, and functions that return free memory to the
//! operating system.
//!
//! mimalloc returns freed memory only as a part of later allocations. After a crowd of clients has left,
//! a server allocates little, and would keep the memory of the crowd (docs/hostile.md). SQLite uses the
//! system's allocator, which keeps nearly all freed memory.

mod workers;

pub use mimalloc::MiMalloc;
pub use workers::release_regularly;

/// Returns free memory to the operating system: from mimalloc the memory of this thread, of ended threads
/// and of no thread; from the system's allocator all.
///
/// Memory that another thread frees stays with the thread that allocated it, until that thread calls
/// this. So a thread that allocates much should call this before it sleeps. Takes some milliseconds for
/// hundreds of megabytes.
pub fn release_memory() {
    collect_mimalloc();
    trim_system_allocator();
}

/// Returns the free memory of mimalloc that this thread can reach.
fn collect_mimalloc() {
    #[expect(unsafe_code, reason = "a call of a C function")]
    // SAFETY: the function takes no pointer and may be called on any thread at any time.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Returns the free memory of the system's allocator, of all threads. Call it on one thread only:
/// concurrent calls would wait for each other.
fn trim_system_allocator() {
    // Only glibc has this function.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a call of a C function")]
    // SAFETY: the function takes no pointer and may be called on any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[global_allocator]
    static ALLOCATOR: MiMalloc = MiMalloc;

    /// Held by the test that measures the memory of the process.
    pub(crate) static MEASURING: Mutex<()> = Mutex::new(());

    const ALLOCATED_BYTES: usize = 256 * 1024 * 1024;

    pub(crate) fn resident_bytes() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    #[test]
    fn freed_memory_is_returned_to_the_system() {
        let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = resident_bytes();
        // Memory is resident only after it has been written.
        let mut allocated = Vec::new();
        let (mut bytes, mut size) = (0, 16);
        while bytes < ALLOCATED_BYTES {
            allocated.push(vec![1_u8; size]);
            bytes += size;
            size = if size > 20_000_000 { 16 } else { size * 2 };
        }
        assert!(resident_bytes() > before + ALLOCATED_BYTES / 2);
        drop(allocated);
        release_memory();
        let after = resident_bytes();
        assert!(after < before + ALLOCATED_BYTES / 10, "{before} before, {after} after");
        // Memory in use is not affected.
        let kept = vec![7_u8; 1_000_000];
        release_memory();
        assert!(kept.iter().all(|byte| *byte == 7));
    }
}
