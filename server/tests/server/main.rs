//! The server on real sockets: every line of the protocol page that can be observed.
//!
//! One file a theme. `support` starts servers (in this process, or the real binary) and has a
//! client that is no part of the product. Add a test where its theme is; a new theme is a new file.

mod backup;
mod check_store;
mod connecting;
mod crowds;
mod documents;
mod extensions;
mod frames;
mod full_store;
mod greeting;
mod headers;
mod health;
mod history;
mod hostile;
mod http;
mod incoming;
mod limits;
mod logging;
mod memory;
mod metrics;
mod not_stored;
mod opening;
mod origins;
mod people;
mod prefix;
mod process;
mod proxies;
mod resuming;
mod rfc6455;
mod settings;
mod shutdown;
mod slow_reader;
mod store_budgets;
mod store_files;
mod store_size;
mod supervision;
mod support;
mod taking_over;
mod talking;
mod times;
mod tls;
mod unix_socket;
mod unread_log;
mod waiting;
