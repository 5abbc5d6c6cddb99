//! The callbacks that SQLite calls. Each forwards to the file system below, and records changes of files.

#![expect(unsafe_code, reason = "SQLite's interface for file systems is C")]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::ffi;

use super::{Change, State, Step};

/// Files whose first sync also syncs their folder.
const JOURNALS: c_int =
    ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;

/// The application data of a registered file system.
struct Registered {
    below: *mut ffi::sqlite3_vfs,
    state: Arc<State>,
}

/// An open file. In memory it is followed by the file of the file system below.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    /// Null for temporary files, which have no name.
    recorded: *mut Recorded,
}

/// The recording of an open file.
struct Recorded {
    path: PathBuf,
    state: Arc<State>,
    /// Whether the next sync also syncs the folder, as SQLite's own file system does with the first sync
    /// of a journal or log.
    syncs_folder: AtomicBool,
}

impl Recorded {
    fn change(&self, change: Change) {
        self.state.steps().push(Step::Change { file: self.path.clone(), change });
    }
}

/// Registers a file system and returns its name. Its memory is never freed.
pub(super) fn register(below: &str, state: Arc<State>) -> &'static str {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let below = CString::new(below).expect("a name has no zero byte");
    let name = format!("faultfs-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let name: &'static str = Box::leak(name.into_boxed_str());
    let c_name = CString::new(name).expect("a name has no zero byte").into_raw();
    // SAFETY: the functions are SQLite's own, and everything that is handed over lives as long as
    // the process.
    unsafe {
        // Registers SQLite's own file systems, if that has not happened yet.
        assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
        let below = ffi::sqlite3_vfs_find(below.as_ptr());
        assert!(!below.is_null(), "SQLite has this file system");
        let registered = Box::into_raw(Box::new(Registered { below, state }));
        // The other callbacks of `below` do not use the `sqlite3_vfs` that they are called with.
        let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            szOsFile: c_int::try_from(size_of::<OpenFile>()).expect("it is small")
                + (*below).szOsFile,
            pNext: ptr::null_mut(),
            zName: c_name,
            pAppData: registered.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            ..*below
        }));
        assert_eq!(ffi::sqlite3_vfs_register(vfs, 0), ffi::SQLITE_OK);
    }
    name
}

/// # Safety
/// `vfs` is one that [`register`] made.
unsafe fn registered<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Registered {
    // SAFETY: the data is never freed.
    unsafe { &*(*vfs).pAppData.cast::<Registered>() }
}

/// # Safety
/// `file` has the size that the file system asked for.
unsafe fn below(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the file below is behind the one of this file system.
    unsafe { file.cast::<u8>().add(size_of::<OpenFile>()).cast() }
}

/// # Safety
/// `file` is open in this file system.
unsafe fn recorded<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Recorded> {
    // SAFETY: the pointer is null or lives as long as the file is open.
    unsafe { (*file.cast::<OpenFile>()).recorded.as_ref() }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over a file of the size that was asked for, and a name that is null or
    // ends with a zero byte.
    unsafe {
        let Registered { below: vfs_below, state } = registered(vfs);
        let open = file.cast::<OpenFile>();
        (*open).base.pMethods = ptr::null();
        (*open).recorded = ptr::null_mut();
        let call = (**vfs_below).xOpen.expect("every file system has it");
        let outcome = call(*vfs_below, name, below(file), flags, out_flags);
        // A file that could not be opened may have to be closed all the same.
        if !(*below(file)).pMethods.is_null() {
            (*open).base.pMethods = &raw const METHODS;
            if !name.is_null() {
                let path = path(name);
                (*open).recorded = Box::into_raw(Box::new(Recorded {
                    path,
                    state: Arc::clone(state),
                    syncs_folder: AtomicBool::new(flags & JOURNALS != 0),
                }));
            }
        }
        outcome
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite hands over a name that ends with a zero byte.
    unsafe {
        let Registered { below, state } = registered(vfs);
        let call = (**below).xDelete.expect("every file system has it");
        let outcome = call(*below, name, sync_folder);
        if outcome == ffi::SQLITE_OK {
            let file = path(name);
            let mut steps = state.steps();
            steps.push(Step::Change { file, change: Change::Delete });
            if sync_folder != 0 {
                steps.push(Step::SyncFolder);
            }
        }
        outcome
    }
}

/// # Safety
/// `name` ends with a zero byte.
unsafe fn path(name: *const c_char) -> PathBuf {
    // SAFETY: as the caller says.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())).to_owned()
}

/// Calls a method of the file below.
macro_rules! forward {
    ($file:ident, $method:ident $(, $argument:expr)*) => {{
        let file = below($file);
        (*(*file).pMethods).$method.expect("the file system below has it")(file $(, $argument)*)
    }};
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once.
    unsafe {
        let open = file.cast::<OpenFile>();
        if !(*open).recorded.is_null() {
            drop(Box::from_raw((*open).recorded));
            (*open).recorded = ptr::null_mut();
        }
        forward!(file, xClose)
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the file is open, and the arguments are forwarded unchanged.
    unsafe {
        if recorded(file).is_some_and(|file| file.state.is_failing_reads.load(Ordering::SeqCst)) {
            return ffi::SQLITE_IOERR_READ;
        }
        forward!(file, xRead, buffer, count, offset)
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the file is open, and SQLite hands over `count` bytes.
    unsafe {
        let outcome = forward!(file, xWrite, buffer, count, offset);
        if let (Some(recorded), ffi::SQLITE_OK) = (recorded(file), outcome) {
            let count = usize::try_from(count).unwrap_or(0);
            let bytes = slice::from_raw_parts(buffer.cast::<u8>(), count).to_vec();
            let offset = u64::try_from(offset).unwrap_or(0);
            recorded.change(Change::Write { offset, bytes });
        }
        outcome
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: the file is open.
    unsafe {
        let outcome = forward!(file, xTruncate, length);
        if let (Some(recorded), ffi::SQLITE_OK) = (recorded(file), outcome) {
            recorded.change(Change::Truncate { length: u64::try_from(length).unwrap_or(0) });
        }
        outcome
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open. The file below is not synced: only the recording matters, because the
    // machine that runs the test keeps its power.
    unsafe {
        let _ = flags;
        if let Some(recorded) = recorded(file) {
            let mut steps = recorded.state.steps();
            steps.push(Step::Sync { file: recorded.path.clone() });
            if recorded.syncs_folder.swap(false, Ordering::Relaxed) {
                steps.push(Step::SyncFolder);
            }
        }
    }
    ffi::SQLITE_OK
}

/// Defines methods that only forward the call.
macro_rules! forwarding {
    ($($name:ident: $method:ident($($argument:ident: $kind:ty),*) -> $out:ty;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> $out {
            // SAFETY: the file is open, and the arguments are forwarded unchanged.
            unsafe { forward!(file, $method $(, $argument)*) }
        }
    )*};
}

forwarding! {
    file_size: xFileSize(size: *mut i64) -> c_int;
    lock: xLock(level: c_int) -> c_int;
    unlock: xUnlock(level: c_int) -> c_int;
    check_reserved_lock: xCheckReservedLock(out: *mut c_int) -> c_int;
    file_control: xFileControl(op: c_int, argument: *mut c_void) -> c_int;
    sector_size: xSectorSize() -> c_int;
    device_characteristics: xDeviceCharacteristics() -> c_int;
    shm_map: xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock: xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier: xShmBarrier() -> ();
    shm_unmap: xShmUnmap(delete: c_int) -> c_int;
}

/// Version 2 has no memory-mapped access, which could not be recorded.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
