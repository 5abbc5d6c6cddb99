//! Bytes on a TCP connection to a whole server: HTTP, all routes, and WebSockets after an upgrade.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use xmeet_server::config::Config;

/// Time limit of the answer to an input. Far longer than an answer takes.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Every input gets an HTTP response without a server error, or none.
/// A panic anywhere ends the fuzzer's process, even in a task of the server.
pub(crate) fn holds(input: &[u8]) {
    let mut stream = TcpStream::connect(server()).expect("the server takes connections");
    stream.set_read_timeout(Some(ANSWER_MAX)).expect("a time-out can be set");
    // The server may have closed the connection after the first bytes.
    let is_sent = stream.write_all(input).is_ok();
    if is_sent {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // The server closed the connection with unread bytes.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no end after {} bytes: {error}", answer.len()),
    }
    if !answer.is_empty() {
        let status = answer.get(..12).and_then(|start| start.strip_prefix(b"HTTP/1."));
        let status = status.and_then(|rest| rest.get(2..));
        // 503 is the answer of a limit, or of a missing page.
        let is_unavailable = status == Some(b"503");
        let is_known = matches!(status, Some([b'1'..=b'4', _, _]));
        assert!(is_known || is_unavailable, "{}", String::from_utf8_lossy(&answer));
    }
}

/// A server in this process, started by the first input.
fn server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let folder = tempfile::tempdir().expect("there is room for a folder");
            let runtime = tokio::runtime::Runtime::new().expect("there are threads");
            let served: Result<_, String> = runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.map_err(|error| error.to_string())?;
                let address = listener.local_addr().map_err(|error| error.to_string())?;
                let folder = folder.path().display().to_string();
                let config = Config::parse_from(["xmeet", "--no-limits", "--data-dir", &folder]);
                let _ = tell.send(address);
                let running = xmeet_server::run(config, listener, CancellationToken::new());
                running.await.map_err(|error| error.to_string())
            });
            panic!("the server ended: {served:?}");
        });
        told.recv().expect("the server has an address")
    })
}
