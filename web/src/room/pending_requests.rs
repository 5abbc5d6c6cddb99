//! The requests that the server has not answered yet. The server answers requests in order. An
//! `error` frame does not name its request, so it answers the oldest request that fits its code.

use xmeet_shared::{ErrorCode, Nickname};

/// A frame that the server answers.
#[derive(Debug)]
pub(super) enum PendingRequest {
    /// A text, which the server sends back to its author.
    Text,
    /// A request for a history page.
    Page,
    /// A request for another nickname.
    Rename(Nickname),
}

impl PendingRequest {
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }

    pub(super) fn is_page(&self) -> bool {
        matches!(self, Self::Page)
    }

    pub(super) fn is_rename(&self) -> bool {
        matches!(self, Self::Rename(_))
    }
}

/// The unanswered requests of one connection, oldest first.
#[derive(Debug, Default)]
pub(super) struct PendingRequests(Vec<PendingRequest>);

impl PendingRequests {
    pub(super) fn push(&mut self, request: PendingRequest) {
        self.0.push(request);
    }

    /// Removes and returns the oldest request that satisfies `matches`.
    pub(super) fn take_first(
        &mut self,
        matches: fn(&PendingRequest) -> bool,
    ) -> Option<PendingRequest> {
        let index = self.0.iter().position(matches)?;
        Some(self.0.remove(index))
    }

    /// Removes and returns the request that an `error` frame with this code answers.
    pub(super) fn match_error(&mut self, code: Option<&ErrorCode>) -> Option<PendingRequest> {
        let is_match: fn(&PendingRequest) -> bool = match code {
            Some(ErrorCode::BadCursor) => PendingRequest::is_page,
            Some(ErrorCode::BadNickname) => PendingRequest::is_rename,
            _ => |_| true,
        };
        self.take_first(is_match)
    }

    /// Forgets all requests of a closed connection.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
