//! Goal: while the store does not answer a read, a room delivers messages, and newcomers later receive
//! correct greetings. Method: real sockets, and a store whose reads stall until the test releases them.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Length of a text of which a room holds two.
const LONG_TEXT_BYTES: usize = 60_000;

/// A member and the client's end of its connection.
struct Client {
    member: Membership,
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn enter(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (socket, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (reading, writing) = accepted.unwrap().0.into_split();
        let outbox = Arc::new(Outbox::new(Writing::Tcp(writing), limits(1_000_000)));
        let (join_request, _) = World::join_request(None);
        let member = soon(world.hub.join(join_request, &outbox, None, pending())).await.unwrap();
        tokio::spawn(async move {
            let _open = reading;
            outbox.drive_writes().await
        });
        Self { member, socket: socket.unwrap(), buffer: Vec::new() }
    }

    /// Reads the next frame.
    async fn next(&mut self) -> ServerMessage {
        soon(async {
            loop {
                if let Some(frame) = xmeet_testframes::take(&mut self.buffer).unwrap() {
                    return Envelope::parse(&frame.text()).unwrap().message;
                }
                assert!(self.socket.read_buf(&mut self.buffer).await.unwrap() > 0, "it ended");
            }
        })
        .await
    }

    /// Reads a greeting. Returns the ids on its page.
    async fn greeting(&mut self) -> Vec<MessageId> {
        for kind in ["self", "member_count", "members"] {
            assert_eq!(self.next().await.kind(), kind);
        }
        let ServerMessage::History(page) = self.next().await else { panic!("not a page") };
        page.iter().map(|record| record.id.unwrap()).collect()
    }

    /// Reads up to the next message, and returns its id.
    async fn next_id(&mut self) -> MessageId {
        loop {
            if let ServerMessage::Normal { id, .. } = self.next().await {
                return id.unwrap();
            }
        }
    }

    /// Returns whether the client has received anything that it has not read.
    fn has_unread(&mut self) -> bool {
        match self.socket.try_read_buf(&mut self.buffer) {
            Ok(bytes) => assert_ne!(bytes, 0, "the connection stays open"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        !self.buffer.is_empty()
    }
}

#[tokio::test]
async fn stalled_store_reads_delay_greetings_only() {
    let world = World::new();
    let mut talks = Client::enter(&world).await;
    assert!(talks.greeting().await.is_empty());
    for id in 1..=5 {
        talks.member.say("x".repeat(LONG_TEXT_BYTES)).unwrap();
        assert_eq!(talks.next_id().await, id);
    }
    world.set_store_mode(STALLS_READS);
    let mut comes = Client::enter(&world).await;
    let mut comes_later = Client::enter(&world).await;
    for id in 6..=8 {
        talks.member.say("meanwhile".to_owned()).unwrap();
        assert_eq!(talks.next_id().await, id, "messages do not wait for greetings");
    }
    let mut comes_last = Client::enter(&world).await;
    assert!(!comes.has_unread() && !comes_later.has_unread() && !comes_last.has_unread());
    world.set_store_mode(WORKS);
    world.history.reads.notify_waiters();
    talks.member.say("behind".to_owned()).unwrap();
    for (client, page) in [(&mut comes, 5), (&mut comes_later, 5), (&mut comes_last, 8)] {
        assert_eq!(client.greeting().await, (1..=page).collect::<Vec<_>>());
        for id in page + 1..=9 {
            assert_eq!(client.next_id().await, id);
        }
    }
}
