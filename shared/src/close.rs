//! How a connection ends (RFC 6455 section 7.4, and XMeet's own code).

/// The code of a Close frame, as the server sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client left.
    Normal = 1000,
    /// The server is going away: come back.
    GoingAway = 1001,
    /// The client broke RFC 6455.
    Protocol = 1002,
    /// A kind of data that the server does not take.
    Unsupported = 1003,
    /// Text that is not UTF-8.
    InvalidText = 1007,
    /// Refused by policy: do not come back by yourself.
    Policy = 1008,
    /// A frame over the size limit.
    TooLarge = 1009,
    /// Overloaded, or the client reads too slowly: come back and catch up.
    TryAgainLater = 1013,
    /// Another connection took this member over: do not come back with this token.
    TakenOver = 4001,
    /// The room has as many members as it may have: come back later.
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

    /// The number on the wire.
    #[must_use]
    pub fn as_u16(self) -> u16 {
        self as u16
    }

    /// Whether a client that sees `code` should come back by itself. Codes that no frame carries
    /// (1005, 1006: the connection was lost) and codes unknown here say yes.
    #[must_use]
    pub fn should_reconnect(code: u16) -> bool {
        let stay_away = [Self::Normal, Self::Policy, Self::TakenOver];
        !stay_away.iter().any(|stay| stay.as_u16() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once_in_the_order_of_its_declaration() {
        // A new code does not compile until it has a number here: list it above as well.
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
    fn only_three_codes_keep_a_client_away() {
        let away: Vec<u16> =
            (1000..5000).filter(|code| !CloseCode::should_reconnect(*code)).collect();
        assert_eq!(away, [1000, 1008, 4001]);
    }
}
