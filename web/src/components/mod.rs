//! The components, one a file. They draw from the store and the settings and hold no state that
//! matters.

pub mod app;
pub mod avatar;
pub mod bad_page;
pub mod button;
pub mod command_notice;
pub mod composer;
pub mod connection_badge;
pub mod each;
pub mod gap_row;
pub mod header;
pub mod icon;
pub mod ime;
pub mod landing;
pub mod language_switch;
pub mod line_row;
pub mod live;
pub mod log_keys;
pub mod member_list;
pub mod mention_menu;
pub mod message_list;
pub mod message_row;
pub mod message_text;
pub mod name_marks;
pub mod new_version;
pub mod recent_rooms;
pub mod rename_form;
pub mod room_form;
pub mod room_menu;
pub mod room_page;
pub mod row;
pub mod server_error;
pub mod share_button;
pub mod text_field;
pub mod theme_switch;
pub mod top_row;
