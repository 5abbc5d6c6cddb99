//! How a member is told apart from others: colour, initial and short tag, all drawn from the id
//! and the name, so that everybody sees the same.

use xmeet_shared::Pid;
use xmeet_shared::invisible::{is_invisible, is_shaping};
use xmeet_shared::steps;

/// How many colours there are: `--hue-0` to `--hue-11` in `styles/tokens.css`.
pub const HUES: u32 = 12;

/// Letters and digits that are not taken for one another.
const TAG_LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// How far apart the colours of two of one name are; it has no factor in common with [`HUES`].
const HUES_APART: u32 = 5;

/// The colour of a member, below [`HUES`]. It belongs to the name, so that a person who comes back
/// has it still; of several who bear one name each has another, by `place` among them.
#[must_use]
pub fn hue(name: &str, place: usize) -> u32 {
    let place = (place % HUES as usize) as u32;
    (hash(&[name]) % HUES + place * HUES_APART) % HUES
}

/// The place of somebody among the bearers of a name who has left them, and has none any more.
#[must_use]
pub fn index_of_former_member(pid: &Pid) -> usize {
    hash(&[pid.as_str()]) as usize
}

/// Three characters that tell two members of one name apart.
#[must_use]
pub fn tag(pid: &Pid) -> String {
    let hash = hash(&[pid.as_str()]);
    let letter = |shift: u32| char::from(TAG_LETTERS[(hash >> shift & 31) as usize]);
    [letter(0), letter(5), letter(10)].iter().collect()
}

/// What stands in a member's avatar: the first character of the name, with whatever belongs to it.
/// The style sheet writes it in capitals: the tables for that would be a tenth of this program.
#[must_use]
pub fn initial(name: &str) -> String {
    let mut chars = steps::chars(name).map(|(_, c)| c).skip_while(|c| is_invisible(*c)).peekable();
    let mut initial: String = chars.next().map(String::from).unwrap_or_default();
    let is_flag = initial.chars().next().is_some_and(is_regional);
    if is_flag && let Some(second) = chars.next_if(|c| is_regional(*c)) {
        initial.push(second);
    }
    // Few enough that a name of nothing but marks stays inside its avatar.
    for _ in 0..6 {
        match chars.next_if(|c| extends(*c)) {
            Some('\u{200D}') => {
                initial.push('\u{200D}');
                initial.extend(chars.next());
            }
            Some(mark) => initial.push(mark),
            None => break,
        }
    }
    initial
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Whether a character belongs to the one before it: marks, joiners, skin tones.
fn extends(c: char) -> bool {
    is_shaping(c)
        || matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0591}'..='\u{05C7}' | '\u{064B}'..='\u{065F}'
        | '\u{0900}'..='\u{0903}' | '\u{093A}'..='\u{094D}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}'
        | '\u{20D0}'..='\u{20FF}' | '\u{1F3FB}'..='\u{1F3FF}')
}

/// FNV-1a, then mixed so that neighbouring ids differ in every bit.
fn hash(parts: &[&str]) -> u32 {
    let mut hash: u32 = 0x811C_9DC5;
    for byte in parts.iter().flat_map(|part| part.bytes()) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85EB_CA6B);
    hash ^ hash >> 13
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initial_is_one_character_as_people_see_it() {
        for (name, expected) in [
            ("小明", "小"),
            ("zoë", "z"),
            ("<b>", "<"),
            ("👨‍👩‍👧 family", "👨‍👩‍👧"),
            ("👍🏽!", "👍🏽"),
            ("🇨🇳🇫🇷", "🇨🇳"),
            ("e\u{301}a", "e\u{301}"),
            ("ßa", "ß"),
            ("\u{FFF0}\u{200D}Bob", "B"),
            ("", ""),
        ] {
            assert_eq!(initial(name), expected, "{name}");
        }
        assert!(initial(&format!("a{}", "\u{301}".repeat(200))).chars().count() <= 7);
    }

    #[test]
    fn two_of_one_name_differ_and_everybody_agrees() {
        let tags: std::collections::HashSet<_> =
            (0..50).map(|serial| tag(&Pid::new(0, serial, 1))).collect();
        assert_eq!(tags.len(), 50);
        let hues: std::collections::HashSet<_> =
            (0..HUES as usize).map(|place| hue("小明", place)).collect();
        assert_eq!(hues.len(), HUES as usize, "as many as there are before one comes again");
        assert!(hue("小明", usize::MAX) < HUES);
    }

    #[test]
    fn every_colour_can_be_read_on_every_ground_it_stands_on() {
        let css = include_str!("../styles/tokens.css");
        let grounds: Vec<_> = ["--ground", "--surface", "--own"].map(|name| pair(css, name)).into();
        for hue in 0..HUES {
            let (light, dark) = pair(css, &format!("--hue-{hue}"));
            for (light_ground, dark_ground) in &grounds {
                assert!(contrast(light, *light_ground) >= 4.5, "hue {hue} in light");
                assert!(contrast(dark, *dark_ground) >= 4.5, "hue {hue} in dark");
            }
        }
        for text in ["--ink", "--ink-soft", "--accent-ink", "--warn-ink", "--bad-ink"] {
            let (light, dark) = pair(css, text);
            for (light_ground, dark_ground) in &grounds {
                assert!(contrast(light, *light_ground) >= 4.5, "{text} in light");
                assert!(contrast(dark, *dark_ground) >= 4.5, "{text} in dark");
            }
        }
        let (on_light, on_dark) = pair(css, "--on-accent");
        let (light, dark) = pair(css, "--accent");
        assert!(contrast(on_light, light) >= 4.5 && contrast(on_dark, dark) >= 4.5, "--on-accent");
    }

    type Rgb = [f64; 3];

    /// The two colours of `NAME: light-dark(#rrggbb, #rrggbb);`.
    fn pair(css: &str, name: &str) -> (Rgb, Rgb) {
        let start =
            css.find(&format!("{name}: light-dark(")).unwrap_or_else(|| panic!("no {name}"));
        let inner = css[start..].split_once('(').unwrap().1.split_once(')').unwrap().0;
        let (light, dark) = inner.split_once(", ").unwrap();
        (rgb(light), rgb(dark))
    }

    fn rgb(hex: &str) -> Rgb {
        let channel = |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        [channel(1), channel(3), channel(5)]
    }

    /// The contrast of WCAG 2.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(rgb: Rgb) -> f64 {
        let [r, g, b] = rgb.map(|channel| {
            let c = channel / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}
