//! The origins whose pages may connect.

/// The origins whose pages may open a WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// All origins.
    #[default]
    All,
    /// The origin of the requested host, and clients without an origin, which are not browsers.
    Own,
    /// These origins, and clients without an origin.
    Listed(Vec<String>),
}
