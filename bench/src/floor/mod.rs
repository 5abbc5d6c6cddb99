//! The floor: a minimal chat server, for comparison. It has one thread, encodes one frame for each message,
//! writes once to each member, and stores nothing.

mod member;
mod rooms;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use member::Member;
use rooms::Rooms;

const LISTENER: Token = Token(usize::MAX);
const EVENTS_MAX: usize = 1024;
/// The size of the buffer that all members share. The bench's texts are far smaller.
const BUFFER_BYTES: usize = 64 * 1024;

/// Serves until the process ends.
pub(crate) fn serve(listen: SocketAddr, batch: bool) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener =
        TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    // XMeet writes the same line, which the load generator waits for.
    eprintln!("the floor is ready url=http://{}/", listener.local_addr()?);
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut members: HashMap<usize, Member> = HashMap::new();
    let mut rooms = Rooms::new(batch);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut next = 0;
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(next), interest)?;
                    members.insert(next, Member::new(stream));
                    next += 1;
                }
                continue;
            }
            let key = event.token().0;
            if event.is_writable()
                && let Some(member) = members.get_mut(&key)
            {
                member.flush();
            }
            rooms.read(&mut members, key, &mut buffer);
        }
        rooms.flush(&mut members);
    }
}
