//! What the browser and the page's address tell the core before it starts.

use wasm_bindgen::JsValue;
use xmeet_shared::{Nickname, RoomId};

use crate::alerts::{self, Permission};
use crate::core::{ReadMark, Setup};
use crate::encoding::{query_value, query_without};
use crate::{browser, channel, prefs, storage, tab};

/// Reads what the browser has kept of the room.
pub(super) fn of(room_id: &RoomId) -> Setup {
    let asked_for = nickname_of_address();
    let kept = prefs::nickname();
    let is_nickname_kept = kept.is_some();
    let nickname = asked_for.or_else(|| Nickname::from_handshake(&kept?));
    let mark = storage::read_up_to(room_id);
    Setup {
        room_id: room_id.clone(),
        tab: tab::id(),
        nickname,
        is_nickname_kept,
        outbox: storage::outbox(room_id),
        own_pids: storage::member(room_id).pids,
        read_mark: mark.map(|(id, epoch)| ReadMark { id, epoch }),
        lines_hidden: prefs::lines_hidden(),
        notify: prefs::notify() && alerts::permission() == Permission::Granted,
        sound: prefs::sound(),
        is_cached_page: browser::was_kept(),
        has_channel: channel::is_open(),
    }
}

/// Returns the nickname in the page's own address, and keeps it. It is taken out of the address, so
/// that a name chosen later outlives a reload and a copied address does not carry it.
fn nickname_of_address() -> Option<Nickname> {
    const KEY: &str = "nickname";
    let location = browser::window().location();
    let query = location.search().ok()?;
    let asked = query_value(&query, KEY)?;
    let name = Nickname::from_handshake(&asked);
    if let Some(name) = &name {
        prefs::set_nickname(Some(name.as_str()));
    }
    let path = location.pathname().ok()?;
    let rest = format!("{path}{}", query_without(&query, KEY));
    let history = browser::window().history().ok()?;
    let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&rest));
    name
}
