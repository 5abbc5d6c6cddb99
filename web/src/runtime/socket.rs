//! One WebSocket: frames in, frames out. Knows nothing of rooms and never reconnects.

use std::rc::Rc;

use futures_util::StreamExt;
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, WebSocketError};
use leptos::task::spawn_local;

/// The close code of a connection that ended without one.
const CODE_ABNORMAL: u16 = 1006;

/// What comes out of a socket.
#[derive(Debug)]
pub(super) enum SocketEvent {
    /// A text frame.
    Frame(String),
    /// It is over; nothing follows.
    Closed {
        /// The close code; 1006 where there was none.
        code: u16,
    },
}

/// An open, or opening, WebSocket. Dropping it closes the connection and silences its events.
pub(super) struct Socket {
    raw: web_sys::WebSocket,
    alive: Rc<()>,
}

impl Socket {
    /// Opens `url` and reports to `on_event` from then on. A URL that the browser refuses is
    /// reported as a close.
    pub(super) fn open(url: &str, on_event: impl Fn(SocketEvent) + 'static) -> Option<Self> {
        let alive = Rc::new(());
        let witness = Rc::downgrade(&alive);
        let opened = web_sys::WebSocket::new(url)
            .ok()
            .and_then(|raw| Some((raw.clone(), WebSocket::try_from(raw).ok()?)));
        let Some((raw, stream)) = opened else {
            spawn_local(async move { on_event(SocketEvent::Closed { code: CODE_ABNORMAL }) });
            return None;
        };
        spawn_local(async move {
            let mut stream = stream;
            while let Some(item) = stream.next().await {
                if witness.strong_count() == 0 {
                    return;
                }
                match item {
                    Ok(Message::Text(frame)) => on_event(SocketEvent::Frame(frame)),
                    // The protocol has no binary frames.
                    Ok(Message::Bytes(_)) => {}
                    Err(WebSocketError::ConnectionClose(close)) => {
                        on_event(SocketEvent::Closed { code: close.code });
                        return;
                    }
                    // The `close` event follows and has the code.
                    Err(_) => {}
                }
            }
        });
        Some(Self { raw, alive })
    }

    /// Hands a text frame to the browser. False when the socket does not take it.
    #[must_use]
    pub(super) fn send(&self, frame: &str) -> bool {
        self.is_open() && self.raw.send_with_str(frame).is_ok()
    }

    /// Whether the socket takes frames.
    #[must_use]
    pub(super) fn is_open(&self) -> bool {
        self.raw.ready_state() == web_sys::WebSocket::OPEN
    }

    /// Returns how much of what was sent the browser has not handed to the network yet.
    #[must_use]
    pub(super) fn buffered_bytes(&self) -> u64 {
        u64::from(self.raw.buffered_amount())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        debug_assert_eq!(Rc::strong_count(&self.alive), 1, "nobody else keeps a socket alive");
        // Without a code: 1000 would say that the person left the room.
        let _ = self.raw.close();
    }
}
