//! One client's session: joins its socket to a room and its outbox, from greeting to goodbye.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::upgrade::Upgraded;
use tokio_util::sync::CancellationToken;
use xmeet_shared::{ClientCommand, CloseCode, ErrorCode};

use super::handshake::Handshake;
use super::outbox::{Ending, Frame, Outbox};
use super::socket::{self, Reader, Received, Writer};
use crate::hub::{self, Hub, Membership, RoomEnded};

/// After this long without a word from the client it is pinged.
const PING_AFTER: Duration = Duration::from_secs(25);

/// A client that does not answer a ping for this long is gone.
const PONG_WITHIN: Duration = Duration::from_secs(20);

const GOING_AWAY: Ending =
    Ending { code: CloseCode::GoingAway, reason: "the server is going away: come back" };
const SESSION_PANICKED: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "the connection was restarted: come back" };
const NO_HISTORY: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "the room's history cannot be read now: come back",
};
const SILENT: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "no answer to a ping: come back" };

/// How many bytes a session may take and hold.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Largest message that is taken from the client, in bytes.
    pub frame_bytes_max: usize,
    /// What may wait to be written to it, in bytes.
    pub outbox_bytes_max: usize,
}

/// How a session ended.
enum End {
    /// The client closed or was lost.
    Client,
    /// The server closes.
    Server(Ending),
}

/// Runs a session until it has ended and left its room.
pub async fn run(
    upgraded: Upgraded,
    handshake: Handshake,
    hub: Arc<Hub>,
    limits: SessionLimits,
    shutdown: CancellationToken,
) {
    let (mut reader, mut writer) = socket::open(upgraded, limits.frame_bytes_max);
    let outbox = Arc::new(Outbox::new(limits.outbox_bytes_max));
    let membership = match hub.enter(&handshake.room, &handshake.nickname, &outbox).await {
        Ok(membership) => membership,
        Err(_) => return socket::close(reader, writer, Some(NO_HISTORY)).await,
    };
    // A panic ends this session alone.
    let talk = AssertUnwindSafe(talk(&mut reader, &mut writer, &membership, &outbox, &shutdown));
    let end = talk.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a session panicked");
        End::Server(SESSION_PANICKED)
    });
    let ending = match end {
        End::Client => None,
        End::Server(ending) => Some(ending),
    };
    outbox.close();
    if ending == Some(GOING_AWAY) {
        // Everybody is told to go at the same time: nobody needs to see the others leave.
        socket::close(reader, writer, ending).await;
        membership.leave().await;
    } else {
        tokio::join!(membership.leave(), socket::close(reader, writer, ending));
    }
}

async fn talk(
    reader: &mut Reader,
    writer: &mut Writer,
    membership: &Membership,
    outbox: &Outbox,
    shutdown: &CancellationToken,
) -> End {
    tokio::select! {
        end = listen(reader, membership, outbox) => end,
        end = deliver(writer, outbox) => end,
        () = shutdown.cancelled() => End::Server(GOING_AWAY),
    }
}

/// Carries out what the client sends. While its room is busy nothing more is read from it.
async fn listen(reader: &mut Reader, membership: &Membership, outbox: &Outbox) -> End {
    let mut is_pinged = false;
    let mut written_bytes = 0;
    loop {
        let patience = if is_pinged { PONG_WITHIN } else { PING_AFTER };
        let Ok(received) = tokio::time::timeout(patience, reader.next()).await else {
            // Whoever still takes in what was written before the ping cannot answer it yet.
            let takes_in = written_bytes != reader.written_bytes();
            written_bytes = reader.written_bytes();
            if is_pinged && !takes_in {
                return End::Server(SILENT);
            }
            if !is_pinged {
                is_pinged = true;
                outbox.push(Frame::Ping);
            }
            continue;
        };
        is_pinged = false;
        let done = match received {
            Received::Text(text) => obey(&text, membership, outbox).await,
            Received::Binary => {
                let words = "binary frames mean nothing here: send text";
                membership.refuse(ErrorCode::Unsupported, words.to_owned()).await
            }
            Received::Ping(bytes) => {
                outbox.push(Frame::Pong { bytes });
                Ok(())
            }
            Received::Pong => Ok(()),
            Received::Gone => return End::Client,
            Received::Broken(ending) => return End::Server(ending),
        };
        if let Err(RoomEnded) = done {
            return End::Server(hub::ROOM_ENDED);
        }
    }
}

async fn obey(text: &str, membership: &Membership, outbox: &Outbox) -> Result<(), RoomEnded> {
    match ClientCommand::parse(text) {
        Ok(None) => Ok(()),
        Ok(Some(ClientCommand::Say(text))) => membership.say(text.to_owned()).await,
        Ok(Some(ClientCommand::ChangeName(nickname))) => membership.change_name(nickname).await,
        Ok(Some(ClientCommand::History(cursor))) => {
            membership.history(cursor).await?;
            outbox.page_written().await;
            Ok(())
        }
        Err(error) => membership.refuse(error.code(), error.to_string()).await,
    }
}

/// Writes whatever waits in the outbox, until it ends.
async fn deliver(writer: &mut Writer, outbox: &Outbox) -> End {
    loop {
        let frames = match outbox.take().await {
            Ok(frames) => frames,
            Err(ending) => return End::Server(ending),
        };
        let written = tokio::select! {
            written = writer.write(frames) => written,
            ending = outbox.ended() => return End::Server(ending),
        };
        if written.is_err() {
            return End::Client;
        }
        outbox.written();
    }
}
