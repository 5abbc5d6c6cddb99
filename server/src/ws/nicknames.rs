//! Names for people who gave none: a quality and a creature, in Chinese or in English.

use crate::http::quality::weighted;

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

/// A name in the language that `Accept-Language` (RFC 9110 section 12.5.4) prefers of the two.
/// Without the header it is Chinese, as the original service's were.
pub(super) fn random(accept_language: Option<&str>) -> String {
    let english = accept_language.is_some_and(prefers_english);
    let (qualities, creatures) = if english { ENGLISH } else { CHINESE };
    let quality = qualities[fastrand::usize(..qualities.len())];
    let creature = creatures[fastrand::usize(..creatures.len())];
    if english { format!("{quality} {creature}") } else { format!("{quality}{creature}") }
}

/// Whether Chinese is not the better of the two: it is absent, or English is weighted higher, or
/// both are weighted the same and English stands first.
fn prefers_english(header: &str) -> bool {
    let best = |language: &str| {
        let weights = weighted(header).enumerate().filter_map(|(place, (tag, weight))| {
            let primary = tag.split('-').next()?;
            (primary.eq_ignore_ascii_case(language) && weight > 0.0)
                .then_some((weight, std::cmp::Reverse(place)))
        });
        weights.max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    };
    match (best("zh"), best("en")) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(chinese), Some(english)) => english > chinese,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmeet_shared::Nickname;

    #[test]
    fn the_better_of_the_two_languages_is_found() {
        for header in
            ["en", "en-US,en;q=0.9", "en,zh;q=0.9", "zh;q=0.1, en;q=0.2", "de", "", "zh;q=0"]
        {
            assert!(prefers_english(header), "{header:?}");
        }
        for header in ["zh", "zh-CN,zh;q=0.9,en;q=0.8", "de, zh-TW;q=0.3", "ZH-hant", "zh,en"] {
            assert!(!prefers_english(header), "{header:?}");
        }
    }

    #[test]
    fn every_name_is_already_clean() {
        for (qualities, creatures) in [CHINESE, ENGLISH] {
            for (quality, creature) in qualities.iter().flat_map(|q| creatures.map(|c| (q, c))) {
                let name = format!("{quality} {creature}");
                assert_eq!(Nickname::new(&name).unwrap().as_str(), name);
            }
        }
    }
}
