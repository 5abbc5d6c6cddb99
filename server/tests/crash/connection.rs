//! A client's connection to a server that is killed at any time. It records the sent and received messages,
//! and fails on any protocol error before the crash.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_websockets::{ClientBuilder, CloseCode, Message, WebSocketStream};
use xmeet_shared::{Envelope, MessageId, Pid, Record, ServerMessage};

use crate::load::Load;
use crate::model::{Journal, Said};
use crate::support::{client::path, soon};

/// Size of the kernel's receive buffer of a client that does not read, in bytes. The rest stays in the
/// server.
const DEAF_KERNEL_BUFFER_BYTES: u32 = 4096;

/// Allowed close codes: the client left, the server shuts down, the client reads too slowly.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const TOO_SLOW: u16 = 1013;

/// Time in which a connecting client retries after the end of a round. A server in shutdown may still
/// accept or refuse it.
const DIAL_BEHIND_THE_END: Duration = Duration::from_secs(2);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The round is over.
    Round,
    /// The server closed the client for reading too slowly. The client may reconnect.
    TooSlow,
    /// The client closed, and the server answered.
    Left,
}

/// A member of a room.
pub(crate) struct Connection<'a> {
    load: &'a Load,
    reads: bool,
    socket: WebSocketStream<TcpStream>,
    pub(crate) journal: Journal,
    /// Number of own messages that have come back.
    pub(crate) came_back: usize,
}

impl<'a> Connection<'a> {
    /// Connects and waits for the pid. Later reads return the rest of the greeting.
    pub(crate) async fn open(
        load: &'a Load,
        room: &str,
        nickname: &str,
        reads: bool,
    ) -> Result<Self, Ended> {
        // After the end another program, which never answers, may have the server's port.
        let given_up = async {
            load.over.cancelled().await;
            sleep(DIAL_BEHIND_THE_END).await;
        };
        let dialling = soon("a connection", dial(load, room, nickname, reads));
        let opened = tokio::select! {
            opened = dialling => opened,
            () = given_up => None,
        };
        let Some(mut socket) = opened else {
            assert!(load.over.is_cancelled(), "no connection is made before the crash");
            return Err(Ended::Round);
        };
        let first = next(load, &mut socket, reads).await?;
        let ServerMessage::SelfId { pid, .. } = first.message else {
            panic!("self comes first: {first:?}")
        };
        let journal = Journal::new(room, pid);
        Ok(Self { load, reads, socket, journal, came_back: 0 })
    }

    pub(crate) fn pid(&self) -> &Pid {
        &self.journal.pid
    }

    /// Sends texts in one write.
    pub(crate) async fn say(&mut self, texts: Vec<String>) -> Result<(), Ended> {
        let mut written = true;
        for text in texts {
            // From now on the message may be stored, even if the write fails.
            self.journal.sent.push(text.clone());
            written =
                written && soon("a message", self.socket.feed(Message::text(text))).await.is_ok();
        }
        let written = written && soon("messages", self.socket.flush()).await.is_ok();
        self.went_out(written).await
    }

    /// Sends a command.
    pub(crate) async fn command(&mut self, text: String) -> Result<(), Ended> {
        let written = soon("a command", self.socket.send(Message::text(text))).await.is_ok();
        self.went_out(written).await
    }

    /// Reads the remaining frames after a failed write.
    async fn went_out(&mut self, written: bool) -> Result<(), Ended> {
        if !written {
            self.read_to_the_end().await?;
        }
        Ok(())
    }

    /// Reads a frame and records it.
    pub(crate) async fn read(&mut self) -> Result<Envelope, Ended> {
        let envelope = next(self.load, &mut self.socket, self.reads).await?;
        match &envelope.message {
            ServerMessage::Normal { text, id, .. } => {
                let id = id.expect("a message has an id");
                self.take(id, envelope.from.clone(), text.clone());
            }
            ServerMessage::History(page) => {
                let page = page.iter().cloned().map(said);
                match self.journal.greeting {
                    None => self.journal.greeting = Some(page.collect()),
                    Some(_) => self.journal.pages.extend(page),
                }
            }
            ServerMessage::Error { .. } => panic!("nothing that was sent is wrong: {envelope:?}"),
            _ => {}
        }
        Ok(envelope)
    }

    fn take(&mut self, id: MessageId, from: Pid, text: String) {
        self.came_back += usize::from(from == *self.pid());
        self.journal.live.push(Said { id, from, text });
        self.load.delivered();
    }

    /// Reads until the requested page arrives.
    pub(crate) async fn read_page(&mut self) -> Result<Vec<Said>, Ended> {
        loop {
            if let ServerMessage::History(page) = self.read().await?.message {
                return Ok(page.into_iter().map(said).collect());
            }
        }
    }

    /// Reads to the end of the connection. Messages in its buffers count as received.
    pub(crate) async fn read_to_the_end(&mut self) -> Result<Infallible, Ended> {
        loop {
            self.read().await?;
        }
    }

    /// Waits for the end of the round without reading, and then reads the kernel's buffer.
    pub(crate) async fn wait_for_the_end(&mut self) -> Result<(), Ended> {
        soon("the end of the round", self.load.over.cancelled()).await;
        match self.read_to_the_end().await? {}
    }

    /// Leaves, and reads all frames up to the server's answer.
    pub(crate) async fn leave(&mut self) -> Result<(), Ended> {
        let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        // If the write fails, the following reads return the reason.
        let _ = soon("a close", self.socket.send(close)).await;
        match self.read_to_the_end().await {
            Err(Ended::Left) => Ok(()),
            Err(ended) => Err(ended),
            Ok(never) => match never {},
        }
    }
}

/// Connects. Returns `None` if no server answers.
async fn dial(
    load: &Load,
    room: &str,
    nickname: &str,
    reads: bool,
) -> Option<WebSocketStream<TcpStream>> {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    if !reads {
        socket.set_recv_buffer_size(DEAF_KERNEL_BUFFER_BYTES).expect("a buffer can be small");
    }
    let stream = socket.connect(load.address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let uri = format!("ws://{}{}", load.address, path(room, nickname));
    let client = ClientBuilder::new().uri(&uri).expect("it is an address");
    client.connect_on(stream).await.ok().map(|(socket, _)| socket)
}

/// Reads the next frame. Fails if the connection ends for another reason than the end of the round or slow
/// reading.
async fn next(
    load: &Load,
    socket: &mut WebSocketStream<TcpStream>,
    reads: bool,
) -> Result<Envelope, Ended> {
    loop {
        let message = match soon("a frame", socket.next()).await {
            Some(Ok(message)) => message,
            _ if load.over.is_cancelled() => return Err(Ended::Round),
            // The Close frame did not fit into the client's full buffer.
            _ if !reads => return Err(Ended::TooSlow),
            lost => panic!("a connection broke before the crash: {lost:?}"),
        };
        if let Some(envelope) = parsed(&message) {
            return Ok(envelope);
        }
        if let Some((code, reason)) = message.as_close() {
            match u16::from(code) {
                NORMAL => return Err(Ended::Left),
                TOO_SLOW => return Err(Ended::TooSlow),
                // The next read returns the end of the connection.
                GOING_AWAY if load.over.is_cancelled() => {}
                code => panic!("the server closed with {code}: {reason}"),
            }
        }
    }
}

fn parsed(message: &Message) -> Option<Envelope> {
    let text = message.as_text()?;
    Some(Envelope::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn said(record: Record) -> Said {
    let id = record.id.expect("a record has an id");
    Said { id, from: record.from, text: record.payload }
}
