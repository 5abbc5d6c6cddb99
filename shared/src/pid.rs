//! A member's id in a room (`pid`).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A member's id, which is never used twice. It looks like `<0.31891.2>`, because old clients expect
/// that form. Receivers must not interpret it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(Arc<str>);

impl Pid {
    /// Creates the pid `<node.serial.creation>`. It is unique if `serial` is unique within a start of
    /// the node, and `creation` is unique among the starts of the node.
    #[must_use]
    pub fn new(node: u32, serial: u64, creation: u64) -> Self {
        Self(format!("<{node}.{serial}.{creation}>").into())
    }

    /// Accepts a received or stored pid without a check.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.into())
    }

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
    fn pid_has_the_form_of_the_original_protocol() {
        assert_eq!(Pid::new(0, 31891, 2).as_str(), "<0.31891.2>");
    }
}
