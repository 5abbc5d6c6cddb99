//! Detects different names that look the same because of letters of other scripts, marks or invisible
//! characters. The result is only a warning, so the tables omit rare letters.

use xmeet_shared::invisible::is_invisible;
use xmeet_shared::steps;

/// Runs of consecutive characters: the first code point, and the ASCII letter that each character of
/// the run looks like. A dot stands for no letter.
#[rustfmt::skip]
const RUNS: [(u32, &str); 15] = [
    // Latin with marks.
    (0xC0, "AAAAAA.CEEEEIIII.NOOOOO.OUUUUY..aaaaaa.ceeeeiiii.nooooo.ouuuuypy\
            AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi..JjKkkLlLlLlLlLlNnNnNnn..OoOoOo..\
            RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzf"),
    (0x1E00, "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMmMmMmNnNnNnNnOoOoOoOo\
              PpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVvWwWwWwWwWwXxXxYyZzZzZzhtwy......\
              AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEeEeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUu\
              YyYyYyYy"),
    // Other Latin and phonetic letters.
    (0x1C0, "l"), (0x251, "a"), (0x261, "g"),
    // Greek, Cyrillic, Armenian.
    (0x386, "A.EHl.O.Y..AB..EZH.lK.MN.O.P..TY.X....a..i.a.y...n.ik..v.o.p.o.u.x....ou"),
    (0x3F2, "cj.....C"),
    (0x400, "EE...SllJ.......A.B..E.3..K.MHO.PCTY.X......b...a6.r.e....k...o.pc.y.x..........ee...siij"),
    (0x4AE, "Yy"), (0x4C0, "l..............l"), (0x501, "d"), (0x51B, "q.w"),
    (0x578, "n....u.......o"),
    // Roman numerals, and the litre.
    (0x2113, "l"), (0x2170, "i...v....x..lcdm"),
];

/// Returns the skeleton of a name. Names that look the same have the same skeleton.
#[must_use]
pub fn skeleton(name: &str) -> String {
    let mut skeleton = String::with_capacity(name.len());
    for c in steps::chars(name).map(|(_, c)| c).filter(|c| !is_omitted(*c)) {
        match letter(c) {
            'n' if skeleton.ends_with('r') => {
                skeleton.pop();
                skeleton.push('m');
            }
            letter => skeleton.push(letter),
        }
    }
    skeleton
}

/// Returns whether two names are different and look the same.
#[must_use]
pub fn looks_like(name: &str, other: &str) -> bool {
    name != other && skeleton(name) == skeleton(other)
}

/// Returns the letter that a character looks like.
fn letter(c: char) -> char {
    match plain(u32::from(c)).map_or(c, char::from) {
        '0' => 'O',
        '1' | 'I' | '|' => 'l',
        c => c,
    }
}

/// Returns the ASCII character that a code point beyond ASCII looks like, if any.
fn plain(code: u32) -> Option<u8> {
    let in_row = |first: u8, index: u32| u8::try_from(u32::from(first) + index).ok();
    match code {
        0..=0xBF => None,
        // Full width.
        0xFF01..=0xFF5E => in_row(b'!', code - 0xFF01),
        // Mathematical alphabets and digits.
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            index @ 0..26 => in_row(b'A', index),
            index => in_row(b'a', index - 26),
        },
        0x1D7CE..=0x1D7FF => in_row(b'0', (code - 0x1D7CE) % 10),
        _ => RUNS.iter().find_map(|(first, run)| {
            let index = usize::try_from(code.checked_sub(*first)?).ok()?;
            run.as_bytes().get(index).copied().filter(|letter| *letter != b'.')
        }),
    }
}

/// Returns whether skeletons omit a character: a mark, or an invisible character other than white
/// space.
fn is_omitted(c: char) -> bool {
    let is_mark = matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}');
    is_mark || (is_invisible(c) && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_other_scripts_look_like_latin_ones() {
        for (name, other) in [
            ("Аnnа", "Anna"),
            ("раура", "paypa"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
            ("οσυ", "oou"),
            ("Ａｎｎａ９", "Anna9"),
            ("𝐀𝓃𝗻𝚊𝟗", "Anna9"),
            ("adm\u{131}n", "admin"),
            ("\u{2113}inda", "linda"),
            ("Zoë", "Zoe"),
            ("Zoe\u{308}", "Zoë"),
            ("ạnna", "anna"),
            ("Ｏleg", "0leg"),
            ("Ivan", "lvan"),
            ("user1", "userl"),
            ("rnark", "mark"),
            ("An\u{200D}na", "Anna"),
            ("小明\u{FE0F}", "小明"),
            ("Ⅿax\u{E0041}", "Ⅿax"),
            ("Bob\u{FFF0}", "Bob"),
            ("B\u{1D173}ob\u{2800}", "Bob"),
        ] {
            assert!(
                looks_like(name, other),
                "{name} {other}: {} {}",
                skeleton(name),
                skeleton(other)
            );
        }
    }

    #[test]
    fn invisible_characters_do_not_change_the_skeleton() {
        let invisible = ('\0'..=char::MAX).filter(|c| is_invisible(*c) && !c.is_whitespace());
        for c in invisible {
            assert!(looks_like(&format!("B{c}ob{c}"), "Bob"), "{c:?}");
        }
    }

    #[test]
    fn names_that_look_different_are_no_lookalikes() {
        for (name, other) in [
            ("Anna", "Anna"),
            ("Anna", "anna"),
            ("Anna", "Hanna"),
            ("小明", "小明明"),
            ("Анна", "Аня"),
            ("Οδός", "Oooo"),
            ("5", "S"),
            ("😀", "😁"),
        ] {
            assert!(!looks_like(name, other), "{name} {other}");
        }
    }

    #[test]
    fn names_of_any_script_have_a_skeleton() {
        for name in ["小明", "سارة", "さくら", "한지민", "👨\u{200D}👩\u{200D}👧"]
        {
            assert!(!skeleton(name).is_empty());
        }
        assert_eq!(skeleton("小明"), "小明");
    }
}
