//! A SQLite connection that must not be used on a thread of the async runtime: a call may wait for
//! the disk, and every room and socket on that thread would wait with it. Debug builds check this.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::thread;

use rusqlite::Connection;
use tokio::runtime::Handle;

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// A connection for threads outside the async runtime. Using or dropping it on a runtime thread
/// panics in debug builds, unless the thread holds a [`BlockingPermit`].
#[derive(Debug)]
pub(super) struct Database(Connection);

impl Database {
    pub(super) fn new(connection: Connection) -> Self {
        Self(connection)
    }
}

/// Allows the current thread to use connections until the permit is dropped. Opening the store takes
/// one, because its caller runs it on a blocking thread of the runtime.
pub(super) struct BlockingPermit(PhantomData<*const ()>);

impl BlockingPermit {
    pub(super) fn new() -> Self {
        MAY_BLOCK.set(true);
        Self(PhantomData)
    }
}

impl Drop for BlockingPermit {
    fn drop(&mut self) {
        MAY_BLOCK.set(false);
    }
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        assert_may_block();
        &self.0
    }
}

impl DerefMut for Database {
    fn deref_mut(&mut self) -> &mut Connection {
        assert_may_block();
        &mut self.0
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The last connection to close runs a checkpoint, which waits for the disk.
        if !thread::panicking() {
            assert_may_block();
        }
    }
}

fn assert_may_block() {
    debug_assert!(
        MAY_BLOCK.get() || Handle::try_current().is_err(),
        "SQLite was called on a thread of the async runtime"
    );
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test]
    async fn use_on_a_runtime_thread_without_a_permit_panics() {
        let permit = BlockingPermit::new();
        let database = Database::new(Connection::open_in_memory().unwrap());
        assert!(database.is_autocommit());
        drop(permit);
        assert!(catch_unwind(AssertUnwindSafe(|| database.is_autocommit())).is_err());
        let database = thread::spawn(move || {
            assert!(database.is_autocommit());
            database
        });
        let database = database.join().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(database))).is_err());
    }
}
