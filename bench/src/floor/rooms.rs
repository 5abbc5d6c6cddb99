//! The floor's rooms: handshake, greeting, and broadcast of each text.

use std::collections::HashMap;

use xmeet_shared::{
    Envelope, Member as Listed, Nickname, Pid, RoomId, SendTime, ServerMessage,
    WEBSOCKET_PATH_PREFIX,
};

use super::member::Member;
use crate::client::wire;

/// The time of every message: the floor has no clock. It is as long as a real one.
const SEND_TIME: &str = "2026-11-23 12:30:45";
const TS: i64 = 1_795_436_445_000;

struct Room {
    id: RoomId,
    members: Vec<(usize, Listed)>,
    messages: u64,
}

pub(super) struct Rooms {
    rooms: Vec<Room>,
    by_name: HashMap<String, usize>,
    batch: bool,
    /// Members with buffered bytes, if writes are joined.
    dirty: Vec<usize>,
    frame: Vec<u8>,
    text: Vec<u8>,
}

type Members = HashMap<usize, Member>;

impl Rooms {
    pub(super) fn new(batch: bool) -> Self {
        let (rooms, by_name) = (Vec::new(), HashMap::new());
        Self { rooms, by_name, batch, dirty: Vec::new(), frame: Vec::new(), text: Vec::new() }
    }

    /// Reads from a member and executes its frames. A broken connection leaves.
    pub(super) fn read(&mut self, members: &mut Members, key: usize, buffer: &mut [u8]) {
        while let Some(member) = members.get_mut(&key) {
            let kept = member.rest.len();
            // The bench sends no frame that does not fit.
            let read = if kept < buffer.len() { member.read(&mut buffer[kept..]) } else { Some(0) };
            let Some(read) = read else { return };
            buffer[..kept].copy_from_slice(&member.rest);
            let filled = kept + read;
            let used =
                if read == 0 { None } else { self.take(members, key, &mut buffer[..filled]) };
            let Some(used) = used else { return self.leave(members, key) };
            if let Some(member) = members.get_mut(&key) {
                member.rest.clear();
                member.rest.extend_from_slice(&buffer[used..filled]);
            }
            if filled < buffer.len() {
                return;
            }
        }
    }

    /// Handles all whole frames and returns their bytes; `None` ends the connection.
    fn take(&mut self, members: &mut Members, key: usize, bytes: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        let room = match members.get(&key)?.room {
            Some(room) => room,
            None => {
                let Some(end) = wire::head_end(bytes) else { return Some(0) };
                at = end;
                self.join(members, key, std::str::from_utf8(&bytes[..end]).ok()?)?
            }
        };
        while let Some(header) = wire::header(&bytes[at..]).ok()? {
            let Some(payload) = bytes.get_mut(at + header.start..at + header.end) else { break };
            wire::apply_mask(payload, header.mask?);
            match header.opcode {
                wire::TEXT => self.say(members, key, room, payload),
                wire::PING | wire::PONG => {}
                _ => return None,
            }
            at += header.end;
        }
        Some(at)
    }

    fn join(&mut self, members: &mut Members, key: usize, head: &str) -> Option<usize> {
        let path = head.strip_prefix("GET ")?.split(' ').next()?;
        let (name, query) = path.strip_prefix(WEBSOCKET_PATH_PREFIX)?.split_once('?')?;
        let nickname = Nickname::from_wire(query.strip_prefix("nickname=")?);
        let accept = wire::accept(wire::field(head, "sec-websocket-key")?);
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None => {
                let id = RoomId::new(name).ok()?;
                self.rooms.push(Room { id, members: Vec::new(), messages: 0 });
                self.by_name.insert(name.to_owned(), self.rooms.len() - 1);
                self.rooms.len() - 1
            }
        };
        let pid = pid(key);
        let room = &mut self.rooms[index];
        let news = envelope(room, &pid, ServerMessage::Join(nickname.clone()));
        self.tell_all(members, index, news.as_bytes());
        let room = &mut self.rooms[index];
        room.members.push((key, Listed { pid: pid.clone(), nickname }));
        let mut out = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        let list: Vec<Listed> = room.members.iter().map(|(_, listed)| listed.clone()).collect();
        let greeting = [
            ServerMessage::SelfId { pid: pid.clone(), epoch: None, greeting_bytes: None },
            ServerMessage::MemberCount(list.len() as u64),
            ServerMessage::Members(list),
            ServerMessage::History(Vec::new()),
        ];
        for message in greeting {
            wire::push_plain(&mut out, wire::TEXT, envelope(room, &pid, message).as_bytes());
        }
        let member = members.get_mut(&key)?;
        member.room = Some(index);
        member.write(&out);
        Some(index)
    }

    /// Writes the envelope by hand, which is the cheapest way.
    fn say(&mut self, members: &mut Members, key: usize, index: usize, text: &[u8]) {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let room = &mut self.rooms[index];
        room.messages += 1;
        let (mut out, id) = (std::mem::take(&mut self.text), room.messages);
        out.clear();
        let room = room.id.as_str();
        out.extend_from_slice(format!("{{\"from\":\"<0.{key}.1>\",\"xnest\":\"").as_bytes());
        out.extend_from_slice(room.as_bytes());
        out.extend_from_slice(b"\",\"type\":\"normal\",\"payload\":");
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut out, text);
        let end = format!(",\"send_time\":\"{SEND_TIME}\",\"id\":{id},\"ts\":{TS}}}");
        out.extend_from_slice(end.as_bytes());
        self.tell_all(members, index, &out);
        self.text = out;
    }

    fn leave(&mut self, members: &mut Members, key: usize) {
        let Some(index) = members.remove(&key).and_then(|member| member.room) else { return };
        let room = &mut self.rooms[index];
        room.members.retain(|(other, _)| *other != key);
        let news = envelope(room, &pid(key), ServerMessage::Leave);
        self.tell_all(members, index, news.as_bytes());
    }

    fn tell_all(&mut self, members: &mut Members, index: usize, text: &[u8]) {
        self.frame.clear();
        wire::push_plain(&mut self.frame, wire::TEXT, text);
        for (key, _) in &self.rooms[index].members {
            let Some(member) = members.get_mut(key) else { continue };
            if !self.batch {
                member.write(&self.frame);
            } else if member.queue(&self.frame) {
                self.dirty.push(*key);
            }
        }
    }

    /// Writes once to each member with buffered bytes.
    pub(super) fn flush(&mut self, members: &mut Members) {
        for key in self.dirty.drain(..) {
            if let Some(member) = members.get_mut(&key) {
                member.flush();
            }
        }
    }
}

fn pid(key: usize) -> Pid {
    Pid::new(0, key as u64, 1)
}

fn envelope(room: &Room, from: &Pid, message: ServerMessage) -> String {
    let send_time = SendTime::from_wire(SEND_TIME);
    Envelope { from: from.clone(), xnest: room.id.clone(), message, send_time, ts: Some(TS) }
        .encode()
}
