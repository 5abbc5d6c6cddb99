//! The allocator of the `xmeet` program, mimalloc, and the way to have memory given back.
//!
//! By itself mimalloc gives back what was freed only while it is asked for more. A server from which
//! a crowd has gone asks for little, and would keep what the crowd took (docs/hostile.md). SQLite
//! takes its memory from the system's own allocator, which keeps nearly all that it ever had.

mod threads;

pub use mimalloc::MiMalloc;
pub use threads::give_back_regularly;

/// Gives back to the system what nobody uses: of mimalloc's what this thread and those that have ended
/// hold, and what is free between threads; of the system's own allocator all.
///
/// A thread that sleeps keeps what others freed of its memory, so whoever took much calls this before
/// it sleeps. It takes longer the more there is, some milliseconds for hundreds of megabytes.
pub fn give_back() {
    give_back_own();
    give_back_of_system();
}

/// Of mimalloc's.
fn give_back_own() {
    #[expect(unsafe_code, reason = "a foreign function")]
    // SAFETY: it takes no pointer, and may be called by any thread at any time.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Of the system's own allocator, whichever thread had it. One thread is enough: several would wait
/// for each other.
fn give_back_of_system() {
    // Other libraries than glibc have no such thing.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a foreign function")]
    // SAFETY: it takes no pointer, and may be called by any thread at any time.
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

    /// The memory of this process is measured by one test at a time.
    pub(crate) static MEASURING: Mutex<()> = Mutex::new(());

    const TAKEN_BYTES: usize = 256 * 1024 * 1024;

    pub(crate) fn resident_bytes() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    #[test]
    fn what_was_taken_is_given_back() {
        let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = resident_bytes();
        // Of all sizes, and written to: what is not written to is not resident.
        let mut taken = Vec::new();
        let (mut bytes, mut size) = (0, 16);
        while bytes < TAKEN_BYTES {
            taken.push(vec![1_u8; size]);
            bytes += size;
            size = if size > 20_000_000 { 16 } else { size * 2 };
        }
        assert!(resident_bytes() > before + TAKEN_BYTES / 2);
        drop(taken);
        give_back();
        let after = resident_bytes();
        assert!(after < before + TAKEN_BYTES / 10, "{before} before, {after} after");
        // What is used is left alone.
        let kept = vec![7_u8; 1_000_000];
        give_back();
        assert!(kept.iter().all(|byte| *byte == 7));
    }
}
