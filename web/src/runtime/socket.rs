//! One WebSocket. It knows nothing about rooms and never reconnects. gloo-net reads from it; writes
//! and the close go to the browser's own object, because gloo-net's sink is asynchronous and its close
//! sends code 1000, with which a member leaves the room.

use std::rc::Rc;

use futures_util::StreamExt;
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, WebSocketError};
use leptos::task::spawn_local;

/// The close code of a connection that ended without one.
const CODE_ABNORMAL: u16 = 1006;

/// An event of a socket.
#[derive(Debug)]
pub(super) enum SocketEvent {
    /// A text frame.
    Frame(String),
    /// The socket has closed. No event follows.
    Closed {
        /// The close code, 1006 if there was none.
        code: u16,
    },
}

/// An open or opening WebSocket. Dropping it closes the connection and ends its events.
pub(super) struct Socket {
    raw: web_sys::WebSocket,
    alive: Rc<()>,
}

impl Socket {
    /// Opens `url` and passes its events to `on_event`. A URL that the browser refuses leads to
    /// [`SocketEvent::Closed`].
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

    /// Sends a text frame. Returns false if the socket is not open.
    #[must_use]
    pub(super) fn send(&self, frame: &str) -> bool {
        self.is_open() && self.raw.send_with_str(frame).is_ok()
    }

    /// Returns whether the socket is open.
    #[must_use]
    pub(super) fn is_open(&self) -> bool {
        self.raw.ready_state() == web_sys::WebSocket::OPEN
    }

    /// Returns the bytes that the browser has not passed to the network yet.
    #[must_use]
    pub(super) fn buffered_bytes(&self) -> u64 {
        u64::from(self.raw.buffered_amount())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        debug_assert_eq!(Rc::strong_count(&self.alive), 1, "only the socket itself holds this");
        // Without a code: 1000 would mean that the member leaves the room.
        let _ = self.raw.close();
    }
}
