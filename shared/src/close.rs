//! Close codes: those of RFC 6455 section 7.4, and XMeet's own.

/// The code of a Close frame that the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client left.
    Normal = 1000,
    /// The server shuts down. The client should reconnect.
    GoingAway = 1001,
    /// The client broke RFC 6455.
    Protocol = 1002,
    /// The client sent a kind of data that the server does not support.
    Unsupported = 1003,
    /// The client sent text that is not UTF-8.
    InvalidText = 1007,
    /// The client broke a rule of the server. It must not reconnect by itself.
    Policy = 1008,
    /// The client sent a frame over the size limit.
    TooLarge = 1009,
    /// The server is overloaded, or the client reads too slowly. The client should reconnect.
    TryAgainLater = 1013,
    /// Another connection took over this member. The client must not reconnect with this token.
    TakenOver = 4001,
    /// The room has reached its limit of members. The client should reconnect later.
    RoomFull = 4002,
}

impl CloseCode {
    /// Every code that the server closes connections with.
    pub const ALL: [Self; 10] = [
        Self::Normal,
        Self::GoingAway,
        Self::Protocol,
        Self::Unsupported,
        Self::InvalidText,
        Self::Policy,
        Self::TooLarge,
        Self::TryAgainLater,
        Self::TakenOver,
        Self::RoomFull,
    ];

    #[must_use]
    pub fn as_u16(self) -> u16 {
        self as u16
    }

    /// Returns whether a client that receives `code` should reconnect by itself. It should for the codes
    /// that stand for a lost connection (1005, 1006), and for unknown codes.
    #[must_use]
    pub fn should_reconnect(code: u16) -> bool {
        let final_codes = [Self::Normal, Self::Policy, Self::TakenOver];
        !final_codes.iter().any(|last| last.as_u16() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_each_code_once_in_order() {
        // A new code does not compile until it has a number here. Add it to `ALL` too.
        let number = |code| match code {
            CloseCode::Normal => 0,
            CloseCode::GoingAway => 1,
            CloseCode::Protocol => 2,
            CloseCode::Unsupported => 3,
            CloseCode::InvalidText => 4,
            CloseCode::Policy => 5,
            CloseCode::TooLarge => 6,
            CloseCode::TryAgainLater => 7,
            CloseCode::TakenOver => 8,
            CloseCode::RoomFull => 9,
        };
        assert_eq!(CloseCode::ALL.map(number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn clients_reconnect_after_all_codes_but_three() {
        let final_codes: Vec<u16> =
            (1000..5000).filter(|code| !CloseCode::should_reconnect(*code)).collect();
        assert_eq!(final_codes, [1000, 1008, 4001]);
    }
}
