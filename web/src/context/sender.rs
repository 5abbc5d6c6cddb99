//! Says texts in the room.

use super::client::Client;
use super::drawing::Drawing;
use super::list_view::ListView;
use super::message_box::MessageBox;
use crate::core::Input;

/// A handle that says texts. Copies are the same sender.
#[derive(Clone, Copy)]
pub struct Sender {
    client: Client,
    list: ListView,
    message_box: MessageBox,
    drawing: Drawing,
}

impl Sender {
    pub(super) fn new(
        client: Client,
        list: ListView,
        message_box: MessageBox,
        drawing: Drawing,
    ) -> Self {
        Self { client, list, message_box, drawing }
    }

    /// Says `text` as soon as the connection allows it, and empties the message box. The text is in
    /// the list at once, and the list goes to the bottom.
    pub fn say(self, text: &str) {
        self.client.input(Input::SendText(text.to_owned()));
        self.drawing.draw();
        self.list.to_bottom();
        self.message_box.set_draft(String::new());
    }
}
