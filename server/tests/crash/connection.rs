//! A client's connection while the server may die at any moment. It keeps a journal of what it
//! sent and of what reached it, and is strict about everything that comes before the crash.

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

/// What the kernel may hold for a client that does not read, in bytes: the rest has to wait in
/// the server.
const DEAF_KERNEL_BUFFER_BYTES: u32 = 4096;

/// The codes with which a connection may close: the client went, the server ends, the client reads
/// too slowly.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const TOO_SLOW: u16 = 1013;

/// How long a client that is about to connect tries on behind the end of a round: a server that ends
/// in order may still let it in or send it away.
const DIAL_BEHIND_THE_END: Duration = Duration::from_secs(2);

/// Why a connection is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The round is over.
    Round,
    /// The server found that this client reads too slowly. It may come back.
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
    /// How many of its own messages have come back.
    pub(crate) came_back: usize,
}

impl<'a> Connection<'a> {
    /// Connects and waits for the pid. The rest of the greeting is read like anything else.
    pub(crate) async fn open(
        load: &'a Load,
        room: &str,
        nickname: &str,
        reads: bool,
    ) -> Result<Self, Ended> {
        // Behind the end the server's port may be somebody else's, who never answers.
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

    /// Says texts, all in one go.
    pub(crate) async fn say(&mut self, texts: Vec<String>) -> Result<(), Ended> {
        let mut written = true;
        for text in texts {
            // Whether it arrives or not: from here on it may be kept.
            self.journal.sent.push(text.clone());
            written =
                written && soon("a message", self.socket.feed(Message::text(text))).await.is_ok();
        }
        let written = written && soon("messages", self.socket.flush()).await.is_ok();
        self.went_out(written).await
    }

    /// Sends a command, which is not said.
    pub(crate) async fn command(&mut self, text: String) -> Result<(), Ended> {
        let written = soon("a command", self.socket.send(Message::text(text))).await.is_ok();
        self.went_out(written).await
    }

    /// Where nothing can be written any more, there may be something left to read.
    async fn went_out(&mut self, written: bool) -> Result<(), Ended> {
        if !written {
            self.read_to_the_end().await?;
        }
        Ok(())
    }

    /// Reads a frame and puts it into the journal.
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

    /// Reads until the page comes that was asked for.
    pub(crate) async fn read_page(&mut self) -> Result<Vec<Said>, Ended> {
        loop {
            if let ServerMessage::History(page) = self.read().await?.message {
                return Ok(page.into_iter().map(said).collect());
            }
        }
    }

    /// What reached this client before its connection ended counts as received too.
    pub(crate) async fn read_to_the_end(&mut self) -> Result<Infallible, Ended> {
        loop {
            self.read().await?;
        }
    }

    /// Reads nothing until the round is over, and then what the kernel holds.
    pub(crate) async fn wait_for_the_end(&mut self) -> Result<(), Ended> {
        soon("the end of the round", self.load.over.cancelled()).await;
        match self.read_to_the_end().await? {}
    }

    /// Closes as a client that leaves, and reads what comes before the server's answer.
    pub(crate) async fn leave(&mut self) -> Result<(), Ended> {
        let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        // If it cannot be sent, reading on tells why.
        let _ = soon("a close", self.socket.send(close)).await;
        match self.read_to_the_end().await {
            Err(Ended::Left) => Ok(()),
            Err(ended) => Err(ended),
            Ok(never) => match never {},
        }
    }
}

/// Makes a connection, or nothing where no server answers.
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

/// The next frame. A connection ends in no way but those that the round's end or a client that
/// does not read explains.
async fn next(
    load: &Load,
    socket: &mut WebSocketStream<TcpStream>,
    reads: bool,
) -> Result<Envelope, Ended> {
    loop {
        let message = match soon("a frame", socket.next()).await {
            Some(Ok(message)) => message,
            _ if load.over.is_cancelled() => return Err(Ended::Round),
            // The Close did not fit into what this client leaves unread.
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
                // What follows is the end of the connection.
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
