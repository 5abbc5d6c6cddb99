//! Random nicknames: an adjective and an animal, in Chinese or in English.

use crate::http::qvalue::prefers_english;

const CHINESE: ([&str; 16], [&str; 16]) = (
    [
        "听雨的",
        "晚归的",
        "踏雪的",
        "温吞的",
        "爱笑的",
        "早起的",
        "逆风的",
        "守灯的",
        "路过的",
        "沉思的",
        "带伞的",
        "追云的",
        "健谈的",
        "迷糊的",
        "勇敢的",
        "慢吞吞的",
    ],
    [
        "白鹭",
        "水獭",
        "狐狸",
        "刺猬",
        "麻雀",
        "松鼠",
        "鲸鱼",
        "山羊",
        "猫头鹰",
        "海豚",
        "蜗牛",
        "企鹅",
        "熊猫",
        "仙鹤",
        "獾",
        "锦鲤",
    ],
);

const ENGLISH: ([&str; 16], [&str; 16]) = (
    [
        "Quiet",
        "Early",
        "Wandering",
        "Curious",
        "Merry",
        "Patient",
        "Brave",
        "Drowsy",
        "Gentle",
        "Nimble",
        "Lucky",
        "Thoughtful",
        "Windswept",
        "Humming",
        "Sunny",
        "Unhurried",
    ],
    [
        "Heron", "Otter", "Fox", "Hedgehog", "Sparrow", "Squirrel", "Whale", "Goat", "Owl",
        "Dolphin", "Snail", "Penguin", "Panda", "Crane", "Badger", "Carp",
    ],
);

/// Returns a random nickname in English or Chinese, as `Accept-Language` prefers (RFC 9110 section
/// 12.5.4). Without the header it is Chinese, as in the original service.
pub(super) fn random(accept_language: Option<&str>) -> String {
    let english = accept_language.is_some_and(prefers_english);
    let (qualities, creatures) = if english { ENGLISH } else { CHINESE };
    let quality = qualities[fastrand::usize(..qualities.len())];
    let creature = creatures[fastrand::usize(..creatures.len())];
    if english { format!("{quality} {creature}") } else { format!("{quality}{creature}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmeet_shared::Nickname;

    #[test]
    fn random_names_are_clean_nicknames() {
        for (qualities, creatures) in [CHINESE, ENGLISH] {
            for (quality, creature) in qualities.iter().flat_map(|q| creatures.map(|c| (q, c))) {
                let name = format!("{quality} {creature}");
                assert_eq!(Nickname::new(&name).unwrap().as_str(), name);
            }
        }
    }
}
