//! Which pages may connect: what the `Origin` header of a browser is held against.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Whose pages may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Everybody's.
    #[default]
    All,
    /// Those of the host that the request is for; and programs, which have no origin.
    Own,
    /// Those of these origins alone.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether whoever sent these headers may connect.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        match (self, text(ORIGIN)) {
            (Self::All, _) | (Self::Own, None) => true,
            (Self::Own, Some(origin)) => {
                // Whether a proxy was asked by TLS is not known here: the scheme does not count.
                let host = origin.split_once("://").map(|(_, host)| host);
                host.zip(text(HOST)).is_some_and(|(host, own)| host.eq_ignore_ascii_case(own))
            }
            (Self::Listed(_), None) => false,
            (Self::Listed(listed), Some(origin)) => {
                listed.iter().any(|one| one.eq_ignore_ascii_case(origin))
            }
        }
    }
}
