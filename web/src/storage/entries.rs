//! The browser's storage as a map of strings. The other storage modules accept any such map, so tests
//! need no browser.

use web_sys::Storage;

use crate::browser;

/// A map of strings that outlives the page.
pub trait Entries {
    /// Returns the value of `key`.
    fn get(&self, key: &str) -> Option<String>;
    /// Sets `key`. Returns false and keeps the old value if the browser refuses or is full.
    #[must_use]
    fn set(&self, key: &str, value: &str) -> bool;
    /// Removes `key`.
    fn remove(&self, key: &str);
    /// Returns every key, including those of other programs.
    fn keys(&self) -> Vec<String>;
}

/// A storage area of the browser. Blocked storage is empty and refuses every write.
#[derive(Debug)]
pub struct Area(Option<Storage>);

impl Area {
    /// Returns the area that persists after the browser closes.
    #[must_use]
    pub fn local() -> Self {
        Self(browser::window().local_storage().ok().flatten())
    }

    /// Returns the area that persists until the tab closes.
    #[must_use]
    pub fn session() -> Self {
        Self(browser::window().session_storage().ok().flatten())
    }
}

impl Entries for Area {
    fn get(&self, key: &str) -> Option<String> {
        self.0.as_ref()?.get_item(key).ok().flatten()
    }

    fn set(&self, key: &str, value: &str) -> bool {
        self.0.as_ref().is_some_and(|storage| storage.set_item(key, value).is_ok())
    }

    fn remove(&self, key: &str) {
        if let Some(storage) = &self.0 {
            let _ = storage.remove_item(key);
        }
    }

    fn keys(&self) -> Vec<String> {
        let Some(storage) = &self.0 else { return Vec::new() };
        let length = storage.length().unwrap_or(0);
        (0..length).filter_map(|index| storage.key(index).ok()?).collect()
    }
}

/// A map in memory with an optional size limit.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct Memory {
    map: std::cell::RefCell<std::collections::BTreeMap<String, String>>,
    /// The most bytes that it holds; 0 for blocked storage.
    pub bytes_max: std::cell::Cell<Option<usize>>,
}

#[cfg(test)]
impl Entries for Memory {
    fn get(&self, key: &str) -> Option<String> {
        self.map.borrow().get(key).cloned()
    }

    fn set(&self, key: &str, value: &str) -> bool {
        let others: usize = self
            .map
            .borrow()
            .iter()
            .filter(|(held, _)| *held != key)
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let fits = self.bytes_max.get().is_none_or(|max| others + key.len() + value.len() <= max);
        if fits {
            self.map.borrow_mut().insert(key.to_owned(), value.to_owned());
        }
        fits
    }

    fn remove(&self, key: &str) {
        self.map.borrow_mut().remove(key);
    }

    fn keys(&self) -> Vec<String> {
        self.map.borrow().keys().cloned().collect()
    }
}
