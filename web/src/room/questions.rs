//! What was asked of the server and is not answered. It answers in the order of the questions, so
//! an `error`, which names none of them, is about the first that it can be about.

use xmeet_shared::ErrorCode;

/// Something that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// A text was said: it comes back to its author.
    Text,
    /// A page of history was asked for.
    Page,
    /// Another name was asked for.
    Rename,
}

/// The questions of one connection, in their order.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

impl Questions {
    /// Something was asked.
    pub(super) fn ask(&mut self, question: Question) {
        self.0.push(question);
    }

    /// An answer of this kind came.
    pub(super) fn answered(&mut self, question: Question) {
        if let Some(place) = self.0.iter().position(|asked| *asked == question) {
            self.0.remove(place);
        }
    }

    /// An `error` with this code came: gives back what it is about.
    pub(super) fn refused(&mut self, code: Option<&ErrorCode>) -> Option<Question> {
        let question = match code {
            Some(ErrorCode::BadCursor) => Question::Page,
            Some(ErrorCode::BadNickname) => Question::Rename,
            _ => *self.0.first()?,
        };
        self.answered(question);
        Some(question)
    }

    /// The connection went, and every answer with it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
