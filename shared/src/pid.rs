//! A member's id in a room (`pid`).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A member's id, one per connection, never used twice. It looks like `<0.31891.2>`, the shape
/// that old clients show and that `@to:` takes, and is opaque to whoever receives it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(Arc<str>);

impl Pid {
    /// Makes the pid `<node.serial.creation>`. It is unique when `serial` is unique among the
    /// pids of one start of one node, and `creation` among the starts of that node.
    #[must_use]
    pub fn new(node: u32, serial: u64, creation: u64) -> Self {
        Self(format!("<{node}.{serial}.{creation}>").into())
    }

    /// Takes a pid as it was received or stored.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.into())
    }

    /// The pid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pid({})", &*self.0)
    }
}

impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_has_the_shape_that_old_clients_know() {
        assert_eq!(Pid::new(0, 31891, 2).as_str(), "<0.31891.2>");
    }
}
