//! What was asked of the server and is not answered. It answers in the order of the questions, so
//! an `error`, which names none of them, is about the first that it can be about.

use xmeet_shared::{ErrorCode, Nickname};

/// Something that is answered.
#[derive(Debug)]
pub(super) enum Question {
    /// A text was said: it comes back to its author.
    Text,
    /// A page of history was asked for.
    Page,
    /// Another name was asked for.
    Rename(Nickname),
}

impl Question {
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

/// The questions of one connection, in their order.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

impl Questions {
    /// Something was asked.
    pub(super) fn ask(&mut self, question: Question) {
        self.0.push(question);
    }

    /// An answer came: gives back the first question that it can be about.
    pub(super) fn answered(&mut self, can_be: fn(&Question) -> bool) -> Option<Question> {
        let place = self.0.iter().position(can_be)?;
        Some(self.0.remove(place))
    }

    /// An `error` with this code came: gives back what it is about.
    pub(super) fn refused(&mut self, code: Option<&ErrorCode>) -> Option<Question> {
        self.answered(match code {
            Some(ErrorCode::BadCursor) => Question::is_page,
            Some(ErrorCode::BadNickname) => Question::is_rename,
            _ => |_| true,
        })
    }

    /// The connection went, and every answer with it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
