//! Limits of connections and rooms per address, of members per room, and of the server. Each refusal has
//! its own code.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, sleep};

use crate::support::client::{path, resumable_path};
use crate::support::raw::{self, Response, UPGRADE, read_close};
use crate::support::{Client, Process, TestServer, soon};

/// Returns a loopback address of this machine.
fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// Connects from one of this machine's addresses.
pub(crate) async fn connect_from(source: IpAddr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

/// Requests a room's WebSocket from an address.
async fn enter_from(source: IpAddr, server: SocketAddr, room: &str) -> (Response, TcpStream) {
    let mut stream = connect_from(source, server).await;
    let response = raw::request_over(&mut stream, "GET", &path(room, "n"), &UPGRADE).await;
    (response, stream)
}

/// Checks a refusal: its status, the code in its body, and its time to wait.
fn assert_refused(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    let body: serde_json::Value = serde_json::from_str(response.text()).unwrap();
    assert_eq!(body["error"]["code"], code);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    let seconds: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
}

/// Retries until the join succeeds, because the server notices a leave a moment later.
async fn enters_soon(source: IpAddr, server: SocketAddr, room: &str) -> TcpStream {
    let trying = async {
        loop {
            let (response, stream) = enter_from(source, server, room).await;
            if response.status == 101 {
                return stream;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon("a place", trying).await
}

#[tokio::test]
async fn connections_of_an_address_are_limited_including_silent_ones() {
    let server = TestServer::limited(&["--connections-per-address", "3"]).await;
    let (one, other) = (loopback(2), loopback(3));
    let silent = connect_from(one, server.address).await;
    let (page, kept) = {
        let mut stream = connect_from(one, server.address).await;
        (raw::request_over(&mut stream, "GET", "/healthz", &[]).await, stream)
    };
    assert_eq!(page.status, 200);
    let (entered, member) = enter_from(one, server.address, "r").await;
    assert_eq!(entered.status, 101);
    let (refused, _) = enter_from(one, server.address, "r").await;
    assert_refused(&refused, 429, "too_many_connections_from_address");
    let (neighbour, _stream) = enter_from(other, server.address, "r").await;
    assert_eq!(neighbour.status, 101, "addresses have separate limits");
    // Each kind of connection releases its permit.
    let mut successors = Vec::new();
    for stream in [silent, kept, member] {
        drop(stream);
        successors.push(enters_soon(one, server.address, "r").await);
        let (refused, _) = enter_from(one, server.address, "r").await;
        assert_refused(&refused, 429, "too_many_connections_from_address");
    }
}

#[tokio::test]
async fn new_connections_of_an_address_have_a_rate_limit() {
    const BURST: usize = 30;
    let server = TestServer::limited(&["--connects-per-address-per-second=1"]).await;
    let mut kept = Vec::new();
    let refused = loop {
        assert!(kept.len() < 100, "the limit is not enforced");
        let (response, stream) = enter_from(loopback(2), server.address, "r").await;
        if response.status != 101 {
            break response;
        }
        kept.push(stream);
    };
    assert!(kept.len() >= BURST, "{}", kept.len());
    assert_refused(&refused, 429, "connecting_too_often");
    let (other, _stream) = enter_from(loopback(3), server.address, "r").await;
    assert_eq!(other.status, 101);
    drop(enters_soon(loopback(2), server.address, "r").await);
}

#[tokio::test]
async fn new_rooms_of_an_address_have_a_rate_limit() {
    // The rooms of 1,000 seconds, rounded up.
    const BURST: usize = 17;
    let server = TestServer::limited(&["--rooms-per-address-per-minute=1"]).await;
    let mut kept = Vec::new();
    for room in 0..BURST {
        let (entered, stream) = enter_from(loopback(2), server.address, &room.to_string()).await;
        assert_eq!(entered.status, 101, "{room}");
        kept.push(stream);
    }
    let (refused, _) = enter_from(loopback(2), server.address, "another").await;
    assert_refused(&refused, 429, "too_many_rooms_from_address");
    let (there, _stream) = enter_from(loopback(2), server.address, "0").await;
    assert_eq!(there.status, 101, "a join of an open room does not count");
    let (other, _stream) = enter_from(loopback(3), server.address, "another").await;
    assert_eq!(other.status, 101);
}

#[tokio::test]
async fn long_greetings_of_an_address_have_a_rate_limit() {
    const LONG_TEXT_BYTES: usize = 8 * 1024;
    // 16,000 bytes a second for an address, and 256,000 in a burst. Two greetings are more than the burst:
    // the next one waits 16 s.
    let server = TestServer::limited(&["--page-bytes-per-second=1000"]).await;
    let mut writer = Client::enter(server.address, "long", "a").await;
    for _ in 0..50 {
        writer.say(&"x".repeat(LONG_TEXT_BYTES)).await;
    }
    // A greeting of any length is allowed while the address is not in debt.
    for _ in 0..2 {
        let (response, mut stream) = enter_from(loopback(2), server.address, "long").await;
        assert_eq!(response.status, 101);
        raw::skip_greeting(&mut stream).await;
    }
    let (third, mut refused) = enter_from(loopback(2), server.address, "long").await;
    assert_eq!(third.status, 101);
    let (code, reason) = read_close(&mut refused).await;
    let words = "your address was sent too much history: come back later";
    assert_eq!((code, reason.as_str()), (1013, words));

    // Short greetings do not count, and other addresses are not affected.
    let (short, mut stream) = enter_from(loopback(2), server.address, "short").await;
    assert_eq!(short.status, 101);
    raw::skip_greeting(&mut stream).await;
    let (other, mut stream) = enter_from(loopback(3), server.address, "long").await;
    assert_eq!(other.status, 101);
    raw::skip_greeting(&mut stream).await;
}

#[tokio::test]
async fn rooms_in_memory_are_limited() {
    let server = TestServer::limited(&["--rooms-max", "2"]).await;
    let one = Client::enter(server.address, "one", "a").await;
    let _two = Client::enter(server.address, "two", "a").await;
    let (refused, _) = enter_from(loopback(2), server.address, "three").await;
    assert_refused(&refused, 503, "too_many_rooms");
    let _also_two = Client::enter(server.address, "two", "b").await;
    one.leave().await;
    enters_soon(loopback(2), server.address, "three").await;
}

#[tokio::test]
async fn connections_of_the_server_are_limited() {
    let server = TestServer::limited(&["--connections-max", "2"]).await;
    let one = Client::enter(server.address, "r", "a").await;
    let _silent = connect_from(loopback(2), server.address).await;
    let (refused, _) = enter_from(loopback(3), server.address, "r").await;
    assert_refused(&refused, 503, "too_many_connections");
    let page = raw::get(server.address, "/", &[]).await;
    assert_refused(&page, 503, "too_many_connections");
    // A load balancer must not take the server for dead.
    for path in ["/healthz", "/readyz"] {
        let response = raw::get(server.address, path, &[]).await;
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    one.leave().await;
    enters_soon(loopback(3), server.address, "r").await;
}

#[tokio::test]
async fn full_room_rejects_newcomers_and_lost_members_resume() {
    const TOKEN: &str = "abcdefghijklmnopqrstuv";
    let server = TestServer::limited(&["--members-per-room", "2"]).await;
    let a = Client::enter(server.address, "r", "a").await;
    let b = Client::enter_with(server.address, "r", "b", TOKEN).await;
    let (entered, mut stream) = enter_from(loopback(2), server.address, "r").await;
    assert_eq!(entered.status, 101, "the limit is found after the upgrade");
    let (code, reason) = read_close(&mut stream).await;
    assert_eq!((code, reason.as_str()), (4002, "the room is full: come back later"));
    let _elsewhere = Client::enter(server.address, "other", "c").await;

    // A lost member keeps its place in the room.
    let pid = b.pid.clone();
    b.lose().await;
    let (_, mut stream) = enter_from(loopback(2), server.address, "r").await;
    assert_eq!(read_close(&mut stream).await.0, 4002);
    let back = resumable_path("r", "b", TOKEN);
    let (_, stream) = raw::upgrade(server.address, &back, &[]).await;
    let mut stream = stream;
    let (_, greeting) = soon("the greeting", raw::read_frame(&mut stream)).await.unwrap();
    assert!(String::from_utf8(greeting).unwrap().contains(&format!("\"from\":\"{pid}\"")));

    a.leave().await;
    let _c = Client::enter(server.address, "r", "c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn school_behind_one_address_is_within_the_default_limits() {
    let server = TestServer::limited(&[]).await;
    let mut pupils = Vec::new();
    for number in 0..600 {
        let (response, stream) =
            enter_from(loopback(2), server.address, &format!("class {}", number % 20)).await;
        assert_eq!(response.status, 101, "pupil {number}");
        pupils.push(stream);
    }
}

/// With a low limit of file descriptors, further connections are refused with a response, and messages
/// are still stored.
#[tokio::test]
async fn connections_are_limited_by_file_descriptors() {
    let folder = TempDir::new().unwrap();
    let xmeet = Process::command(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 140; exec \"$0\" \"$@\" --no-limits=false"]);
    let arguments = xmeet.get_args().filter(|argument| *argument != "--no-limits");
    shell.arg(xmeet.get_program()).args(arguments);
    let process = Process::spawn(shell);
    let mut member = Client::enter(process.address, "r", "a").await;
    let mut silent = Vec::new();
    for _ in 0..11 {
        silent.push(connect_from(loopback(2), process.address).await);
    }
    let (refused, _) = enter_from(loopback(3), process.address, "r").await;
    assert_refused(&refused, 503, "too_many_connections");
    member.say("stored").await;
    drop(silent);
    enters_soon(loopback(3), process.address, "r").await;
}
