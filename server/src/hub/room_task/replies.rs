//! Replies to single members, and the pages that they request.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use xmeet_shared::{CloseCode, MessageId, Pid, ServerMessage};

use super::RoomTask;
use crate::fanout::{Reply, addressed};
use crate::hub::{PageRead, RoomCommand, pages};
use crate::room::{MemberKey, StoredMessage};
use crate::wire::frame;
use crate::wire::outbox::CloseReason;

/// Payload bytes above which a page is announced to clients that asked for the extensions.
const ANNOUNCED_BYTES_MIN: usize = 16 * 1024;

/// Close reason for a client whose page request panicked.
const PAGE_PANICKED: CloseReason =
    CloseReason { code: CloseCode::TryAgainLater, reason: "the page could not be made: come back" };

impl RoomTask {
    /// Sends a reply to a member, behind the frames of the batch that the member has not received yet.
    /// The batch stays pending for the other members.
    pub(super) async fn reply(&mut self, member: MemberKey, mut reply: Reply) {
        if self.fanout.outbox(member).is_none() {
            return;
        }
        let (mut frames, mut bytes) = (1, 0);
        match &mut reply {
            Reply::Frame(frame) => bytes = frame.len(),
            Reply::Page(pieces) => {
                if let Some(ping) = self.announcement(member, pieces) {
                    // In the same reply, so that no frame comes between the two.
                    pieces.insert(0, ping);
                    frames = 2;
                }
                bytes += pieces.iter().map(Bytes::len).sum::<usize>();
            }
            Reply::Barrier | Reply::End => frames = 0,
        }
        let unseen = self.batch.send_ahead(member, &self.encoder);
        let traffic = &self.hub.metrics().traffic;
        traffic.sent(frames + unseen.count, (bytes + unseen.bytes) as u64);
        self.fanout.reply(member, unseen.frames, reply).await;
    }

    /// Returns the `ping` that announces the length of a long page, for a client that asked for the
    /// extensions: a client on a slow line then knows how long to wait.
    fn announcement(&mut self, member: MemberKey, pieces: &[Bytes]) -> Option<Bytes> {
        let payload_bytes = frame::payload_bytes(pieces.iter().map(Bytes::len).sum());
        if payload_bytes <= ANNOUNCED_BYTES_MIN {
            return None;
        }
        let pid = self.resumption.pid(member)?.clone();
        let message = ServerMessage::Ping { next_bytes: Some(payload_bytes as u64) };
        Some(self.encoder.frame(pid, message, self.encoder.now()))
    }

    /// Encodes a page that is in memory, and shares its JSON with greetings.
    pub(super) async fn newest_page(
        &mut self,
        pid: &Pid,
        messages: &[StoredMessage],
    ) -> Vec<Bytes> {
        if messages.is_empty() {
            return self.encoder.page(pid, messages).await;
        }
        let ts = self.encoder.now();
        let page = self.greeter.page(messages, ts, &mut self.encoder).await;
        addressed(pid, &page).into()
    }

    /// Reads a page beside this task. Ids do not shift, so a late read returns the same page.
    pub(super) fn read_page(&self, member: MemberKey, pid: Pid, ids: RangeInclusive<MessageId>) {
        let Some(outbox) = self.fanout.outbox(member).map(Arc::clone) else { return };
        let (hub, room) = (Arc::clone(&self.hub), self.id.clone());
        let encoder = self.encoder.for_task();
        let inbox = self.inbox.clone();
        self.hub.tasks.spawn(async move {
            let work = pages::read(&hub, &room, ids, (&pid, &outbox), encoder);
            let pieces = match hub.metrics().panics.catch("page_reader", work).await {
                Ok(Some(pieces)) => pieces,
                Ok(None) => return,
                Err(_) => return outbox.close_with(PAGE_PANICKED),
            };
            // The room is gone if its members are.
            if let Some(room) = inbox.upgrade() {
                let page = PageRead { member, outbox, pieces };
                let _ = room.send(Box::new(RoomCommand::PageRead(page))).await;
            }
        });
    }
}
