//! The server's frames.

use xmeet_shared::{Envelope, Pid, RoomId, SendTime, ServerMessage};

/// A parsed frame that is encoded and parsed again is unchanged, and a frame can contain any text.
pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Envelope::parse(text) {
        Ok(envelope) => assert_comes_back(&envelope),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let room = RoomId::new(text);
    let said = Envelope {
        from: Pid::from_wire(text),
        xnest: room.unwrap_or_else(|_| RoomId::new("room").expect("it is one")),
        message: ServerMessage::Normal { text: text.to_owned(), id: Some(1), nickname: None },
        send_time: SendTime::from_wire(text),
        ts: Some(0),
    };
    assert_comes_back(&said);
}

fn assert_comes_back(envelope: &Envelope) {
    let written = envelope.encode();
    // No text can end the line or the frame.
    assert!(!written.contains(|c: char| c < ' '));
    let again = Envelope::parse(&written).expect("an encoded frame can be parsed");
    assert_eq!(again, *envelope);
    assert_eq!(again.encode(), written);
}
