//! Icons: single strokes on a grid of 24, in the colour of the text around them.

use leptos::prelude::*;

/// Two doorways that overlap: the mark of XMeet.
pub const MARK: &str = "M4 20V9a5 5 0 0 1 10 0v11M10 20V9a5 5 0 0 1 10 0v11M2 20h20";
/// People.
pub const PEOPLE: &str = "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.2M18 14.2a6.5 6.5 0 0 1 3.5 5.8";
/// A chain link.
pub const LINK: &str = "M10 14a4.5 4.5 0 0 0 6.4 0l3-3A4.5 4.5 0 0 0 13 4.6l-1 1M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1-1";
/// A tick.
pub const TICK: &str = "M5 12.5l4.5 4.5L19 7.5";
/// The moon.
pub const MOON: &str = "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z";
/// The sun.
pub const SUN: &str = "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4";
/// An arrow up: send.
pub const SEND: &str = "M12 20V5M5.5 11.5 12 5l6.5 6.5";
/// An arrow down.
pub const DOWN: &str = "M12 4v15M5.5 12.5 12 19l6.5-6.5";
/// An arrow up to a line: to the beginning.
pub const TOP: &str = "M12 20V9M6.5 14 12 8.5l5.5 5.5M5 4h14";
/// A bell.
pub const BELL: &str = "M6 16v-5a6 6 0 0 1 12 0v5l2 2H4zM10 21h4";
/// A loudspeaker.
pub const SOUND: &str =
    "M4 9.5v5h3.5l4.5 4v-13l-4.5 4zM15.5 9.5a3.5 3.5 0 0 1 0 5M18 7a7 7 0 0 1 0 10";
/// The arrow of a Return key.
pub const RETURN: &str = "M20 5v6a3 3 0 0 1-3 3H5M9.5 9 4.5 14l5 5";
/// Three dots: more.
pub const MORE: &str = "M5 11.5a.5.5 0 1 0 .01 0M12 11.5a.5.5 0 1 0 .01 0M19 11.5a.5.5 0 1 0 .01 0";
/// A pencil.
pub const PENCIL: &str = "M4 20h4L19 9a2.8 2.8 0 0 0-4-4L4 16v4M13.5 6.5l4 4";
/// A cross.
pub const CROSS: &str = "M6 6l12 12M18 6 6 18";
/// A die.
pub const DICE: &str = "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1M8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01";
/// An arrow to the right.
pub const GO: &str = "M4 12h15M12.5 5.5 19 12l-6.5 6.5";
/// A triangle with an exclamation mark.
pub const WARNING: &str = "M12 4 2.5 20h19L12 4M12 10v4.5M12 17.3h.01";
/// An arrow that turns back.
pub const PAST: &str = "M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5M12 8v4l2.5 2.5";

/// An icon. Screen readers skip it, because the control around it has a name.
#[component]
pub fn Icon(
    /// What to draw.
    path: &'static str,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=path></path>
        </svg>
    }
}
