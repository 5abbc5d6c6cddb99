//! A room of members that are plain sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use xmeet_testframes::{HEADER_BYTES_MAX, TEXT, header};

/// Time limit of a read or write, so that a failing test does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Maximum length of a frame in bytes. Frames of a greeting may be longer and are read in parts.
const BUFFER_BYTES: usize = 4096;

/// Frames of a greeting. A client that has read them is a member.
const GREETING_FRAMES: usize = 4;

/// A text frame of one byte with a mask of zeros.
const SAID_FRAME: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'x'];

/// Part of the delivered frame.
const SAID_MARK: &[u8] = br#""type":"normal","payload":"x""#;

/// The members of a room. The first one talks, and all receive.
pub(crate) struct Room {
    members: Vec<TcpStream>,
    buffer: [u8; BUFFER_BYTES],
}

impl Room {
    /// Lets this many members join one after the other, and waits until all have received all joins.
    pub(crate) fn fill(address: SocketAddr, name: &str, members: usize) -> Self {
        let mut room = Self { members: Vec::new(), buffer: [0; BUFFER_BYTES] };
        for _ in 0..members {
            let mut member = member(address, name);
            for _ in 0..GREETING_FRAMES {
                assert!(!hears(&mut member, &mut room.buffer), "no member has talked");
            }
            room.members.push(member);
        }
        room.say();
        for member in &mut room.members {
            while !hears(member, &mut room.buffer) {}
        }
        room
    }

    /// Sends messages, each after all members have received the previous one. Allocates nothing.
    pub(crate) fn speak(&mut self, messages: usize) {
        for _ in 0..messages {
            self.say();
            for member in &mut self.members {
                assert!(hears(member, &mut self.buffer), "the frame is the message");
            }
        }
    }

    fn say(&mut self) {
        self.members[0].write_all(&SAID_FRAME).expect("a member can speak");
    }
}

fn member(address: SocketAddr, room: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /xgate/websocket/{room}?nickname=n HTTP/1.1\r\nHost: {address}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a response");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Reads a frame. Returns whether it is the first member's message.
fn hears(member: &mut TcpStream, buffer: &mut [u8; BUFFER_BYTES]) -> bool {
    let mut left = frame_length(member);
    let is_short = left <= BUFFER_BYTES;
    let mut read = 0;
    while left > 0 {
        read = left.min(BUFFER_BYTES);
        member.read_exact(&mut buffer[..read]).expect("the rest of a frame");
        left -= read;
    }
    is_short && buffer[..read].windows(SAID_MARK.len()).any(|part| part == SAID_MARK)
}

fn frame_length(member: &mut TcpStream) -> usize {
    let mut head = [0; HEADER_BYTES_MAX];
    for read in 0..HEADER_BYTES_MAX {
        member.read_exact(&mut head[read..=read]).expect("a frame");
        if let Some(header) = header(&head[..=read]).expect("a server's frame") {
            assert_eq!(header.first, TEXT);
            return header.payload_bytes;
        }
    }
    panic!("no header is that long");
}
