//! The colour, initial and tag that identify a member. They depend only on the pid and the name, so
//! all clients show the same.

use xmeet_shared::Pid;
use xmeet_shared::invisible::{is_invisible, is_shaping};
use xmeet_shared::steps;

/// The number of colours, `--hue-0` to `--hue-11` in `styles/tokens.css`.
pub const HUES: u32 = 12;

/// Letters and digits that are easy to tell apart.
const TAG_LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// The step between the colours of members with the same name. It has no factor in common with
/// [`HUES`].
const HUES_APART: u32 = 5;

/// Returns the colour of a member, below [`HUES`]. It depends on the name, so a member who returns has
/// the same colour. Members with the same name have different colours by their index among them.
#[must_use]
pub fn hue(name: &str, index: usize) -> u32 {
    let index = (index % HUES as usize) as u32;
    (hash(&[name]) % HUES + index * HUES_APART) % HUES
}

/// Returns an index for [`hue`] for a former member.
#[must_use]
pub fn index_of_former_member(pid: &Pid) -> usize {
    hash(&[pid.as_str()]) as usize
}

/// Returns three characters that distinguish members with the same name.
#[must_use]
pub fn tag(pid: &Pid) -> String {
    let hash = hash(&[pid.as_str()]);
    let letter = |shift: u32| char::from(TAG_LETTERS[(hash >> shift & 31) as usize]);
    [letter(0), letter(5), letter(10)].iter().collect()
}

/// Returns the first visible character of a name with its combining characters, for the avatar. The
/// style sheet capitalises it, because the tables for that would be a tenth of this program.
#[must_use]
pub fn initial(name: &str) -> String {
    let mut chars = steps::chars(name).map(|(_, c)| c).skip_while(|c| is_invisible(*c)).peekable();
    let mut initial: String = chars.next().map(String::from).unwrap_or_default();
    let is_flag = initial.chars().next().is_some_and(is_regional);
    if is_flag && let Some(second) = chars.next_if(|c| is_regional(*c)) {
        initial.push(second);
    }
    // The limit keeps a name with many marks inside its avatar.
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

/// Returns whether a character extends the one before it: a mark, joiner or skin tone.
fn extends(c: char) -> bool {
    is_shaping(c)
        || matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0591}'..='\u{05C7}' | '\u{064B}'..='\u{065F}'
        | '\u{0900}'..='\u{0903}' | '\u{093A}'..='\u{094D}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}'
        | '\u{20D0}'..='\u{20FF}' | '\u{1F3FB}'..='\u{1F3FF}')
}

/// FNV-1a with a final mix, so that similar pids get different hashes.
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
    fn initial_is_one_visible_character() {
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
    fn members_with_one_name_have_different_tags_and_colours() {
        let tags: std::collections::HashSet<_> =
            (0..50).map(|serial| tag(&Pid::new(0, serial, 1))).collect();
        assert_eq!(tags.len(), 50);
        let hues: std::collections::HashSet<_> =
            (0..HUES as usize).map(|index| hue("小明", index)).collect();
        assert_eq!(hues.len(), HUES as usize, "all colours are used before one repeats");
        assert!(hue("小明", usize::MAX) < HUES);
    }

    #[test]
    fn every_colour_has_enough_contrast_on_every_ground() {
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

    /// Returns the two colours of `NAME: light-dark(#rrggbb, #rrggbb);`.
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

    /// Returns the contrast of WCAG 2.
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
