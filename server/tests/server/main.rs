//! The server on real sockets: every line of the protocol page that can be observed.
//!
//! One file a theme. `support` starts servers (in this process, or the real binary) and has a
//! client that is no part of the product. Add a test where its theme is; a new theme is a new file.

mod connecting;
mod crowds;
mod extensions;
mod frames;
mod full_store;
mod greeting;
mod headers;
mod health;
mod history;
mod hostile;
mod http;
mod limits;
mod logging;
mod memory;
mod metrics;
mod opening;
mod origins;
mod prefix;
mod process;
mod proxies;
mod resuming;
mod rfc6455;
mod settings;
mod shutdown;
mod slow_reader;
mod support;
mod taking_over;
mod talking;
mod times;
mod tls;
mod unix_socket;
mod waiting;
