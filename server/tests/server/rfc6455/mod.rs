//! RFC 6455 as tables of cases. Each case is bytes on a TCP connection and the expected result.
//!
//! A case whose name begins with a number sends the bytes of the Autobahn test suite's case of that
//! number, in the same pieces. `docs/autobahn.md` lists these cases, and [`suite`] compares the
//! document with the tables.

mod case;
mod closing;
mod control;
mod extensions;
mod fragments;
mod large;
mod lengths;
mod reserved;
mod sequences;
mod suite;
mod table;
mod utf8;

use tokio::io::AsyncWriteExt;

use crate::support::client::path;
use crate::support::raw::{self, frame};
use case::{
    BINARY, BINARY_BEGUN, CLOSE, CONTINUED, CONTINUED_LAST, Case, PING, PONG, TEXT, TEXT_BEGUN,
    case, close, fragments, text,
};
use table::Table;
