//! English.

use super::Text;
use crate::time::Day;

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn date(day: Day) -> String {
    let date = day.date();
    let month = MONTHS.get(date.month.wrapping_sub(1)).unwrap_or(&"");
    let weekday = WEEKDAYS.get(date.weekday).unwrap_or(&"");
    format!("{weekday}, {} {month} {}", date.day, date.year)
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The texts.
pub(super) const TEXT: Text = Text {
    tagline: "Any address is a chat room.",
    pitch: "Name a room, send its link, talk. No account, nothing to install.",
    steps: [
        ("Name it", "Any word, in any script. A room exists once somebody enters it."),
        ("Share it", "Whoever has the address is in the room."),
        ("Talk", "What was said stays, for whoever comes later."),
    ],
    room_label: "Room",
    room_hint: "a word, a topic, a link",
    room_random: "Take a random room name",
    room_long: |n| format!("{n} characters: it works, but 32 or fewer is advised."),
    nickname_label: "Nickname",
    nickname_hint: "leave empty for a random one",
    go: "Enter the room",
    recent: "Rooms visited before",
    recent_forget: "Forget this list",
    home: "XMeet, to the front page",
    switch_language: "中 · Switch to Chinese",
    theme_to_dark: "Switch to dark",
    theme_to_light: "Switch to light",

    room_empty: "Give the room a name.",
    room_too_long: |n| format!("Too long: {n} bytes, and 128 at most are possible."),
    room_control: "The name has a control character in it, which an address cannot carry.",
    room_dots: "“.” and “..” cannot be in an address.",
    room_not_text: "The address is not readable text.",
    page_unknown: "There is no such page.",
    bad_room: "This address cannot be a room.",
    back_home: "To the front page",
    nickname_empty: "Nothing in this name can be seen.",
    nickname_too_long: |n| format!("Too long: {n} characters, and 32 at most are possible."),

    members: "In the room",
    member_count: |n| count(n, "person in the room", "people in the room"),
    members_show: "Show who is in the room",
    members_close: "Close the list",
    you: "you",
    lookalike: "looks like another name here",
    share: "Share this room",
    share_done: "Link copied",
    share_failed: "Please copy the address by hand",
    share_title: "Share this room",
    share_hint: "Whoever has the address is in the room.",
    share_link: "Address of this room",
    share_copy: "Copy link",
    share_sheet: "Send…",
    share_code: "The address of this room as a QR code",
    close: "Close",

    connecting: "Connecting…",
    connected: "Connected",
    lost: "No network",
    retrying: "Connection lost",
    retrying_in: |n| format!("next try in {n} s"),
    stopped_left: "You left the room.",
    stopped_refused: "The server refused the connection.",
    try_now: "Try now",
    connect_again: "Connect again",
    said_lost: "Connection lost",
    said_back: "Connected again",
    full: "The room is full",
    full_hint: "You come in once somebody leaves. What you write is sent then.",
    offline_title: "No connection",
    offline_hint: "This room appears when the connection is back. What you write is sent then.",
    new_version: "A new version is here.",
    reload: "Reload",

    log_label: "Messages",
    loading_older: "Loading older messages…",
    load_older: "Load older messages",
    load_failed: "Older messages could not be loaded.",
    retry: "Retry",
    beginning: "This is the beginning of the room",
    empty_title: "Nobody has said anything here yet",
    empty_hint: "Say the first word, or send the link to somebody.",
    gap: |n| count(n, "message not loaded", "messages not loaded"),
    gap_gone: |n| count(n, "message no longer kept", "messages no longer kept"),
    gap_load: "Load",
    new_messages: |n| count(n, "new message", "new messages"),
    jump: "To the newest message",
    joined: ("", " joined"),
    left: ("", " left"),
    renamed: ("", " is now called "),
    comma: ", ",
    more_people: |n| format!(" and {n} more"),
    hide_lines: "Hide joins and leaves",
    show_more: "Show all",
    show_less: "Show less",
    unread_line: "New messages",

    menu: "More",
    menu_oldest: "To the oldest messages",
    menu_lines: "Show joins and leaves",
    notify: "Notify me",
    notify_denied: "The browser does not allow notices from this site.",
    sound: "Sound",

    waiting: "Waiting for the connection",
    sending: "Sending…",
    unconfirmed: "Not known whether this arrived",
    send_again: "Send again",
    put_back: "Back to the box",

    composer_label: "Message",
    composer_hint: "Say something…",
    composer_keys: "Enter sends, Shift + Enter starts a new line",
    send: "Send",
    bytes_left: |n| format!("{} left", count(n, "byte", "bytes")),
    bytes_over: |n| format!("{} too long", count(n, "byte", "bytes")),
    rename: "Change your nickname",
    rename_label: "Your nickname",
    rename_save: "Save",
    rename_offline: "Not connected: your name can be changed once the connection is back.",
    cancel: "Cancel",
    command_rename: ("This is a command. It would change your nickname to ", "."),
    command_bad_name: "This is the command that changes your nickname, but without a usable name.",
    command_history: |n| {
        format!("This is a command. It would load page {n} of the older messages.")
    },
    command_bad_history: "This is the command that loads older messages, but without a page number.",
    command_do_rename: "Change my name",
    command_do_history: "Load older messages",
    command_say: "Say it as text",
    command_say_hint: "As text it is sent with a space in front.",
    no_such_page: "The history does not go back that far.",
    mention_menu: "Whom to mention",
    mentions_you: "mentions you",
    command_older: "Older messages",

    dismiss: "Dismiss",
    error_cursor: "The server did not understand which page of history was meant.",
    error_nickname: "The server does not accept this nickname.",
    error_unsupported: "The server does not understand this kind of message.",
    error_too_large: "The message is too large for this server. It is back in the box.",
    error_rate: "Too fast. Wait a moment before you send again.",
    error_rate_for: |n| format!("Too fast. Send again in {n} s."),
    error_storage: "The server could not reach its storage. Nothing was lost: try again.",
    error_other: "The server says: ",

    today: "Today",
    yesterday: "Yesterday",
    date,
};
