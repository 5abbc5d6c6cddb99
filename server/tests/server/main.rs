//! Tests of the server on real sockets: every rule of the protocol page that a client can observe.
//!
//! Each file is a topic. `support` starts servers, in this process or as the real binary, and has a client
//! that shares no code with the server's connections.

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
