//! Invisible characters: one table for nicknames, messages and look-alikes.

/// The ranges of Unicode's property `Default_Ignorable_Code_Point`: characters that show nothing in a
/// font that does not support them. They include code points that Unicode reserves for such
/// characters.
const DEFAULT_IGNORABLE: [(char, char); 17] = [
    ('\u{00AD}', '\u{00AD}'),
    ('\u{034F}', '\u{034F}'),
    ('\u{061C}', '\u{061C}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{17B4}', '\u{17B5}'),
    ('\u{180B}', '\u{180F}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFA0}', '\u{FFA0}'),
    ('\u{FFF0}', '\u{FFF8}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D173}', '\u{1D17A}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

/// Returns whether `c` has Unicode's property `Default_Ignorable_Code_Point`.
#[must_use]
pub fn is_ignorable(c: char) -> bool {
    let place = DEFAULT_IGNORABLE.partition_point(|(_, last)| *last < c);
    DEFAULT_IGNORABLE.get(place).is_some_and(|(first, _)| *first <= c)
}

/// Returns whether `c` has Unicode's property `Bidi_Control`: it changes the direction of the text around it.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether `c` alone shows nothing. This is so for white space, control characters, ignorable
/// characters, characters with an empty glyph (blank Braille pattern, null note head), and marks of
/// interlinear annotations.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || is_ignorable(c)
        || is_bidi_control(c)
        || is_blank_glyph(c)
        || is_annotation_mark(c)
}

/// Returns whether the glyph of `c` is empty and Unicode does not count `c` as white space.
#[must_use]
pub(crate) fn is_blank_glyph(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1D159}')
}

/// Returns whether `c` marks an interlinear annotation.
#[must_use]
pub(crate) fn is_annotation_mark(c: char) -> bool {
    matches!(c, '\u{FFF9}'..='\u{FFFB}')
}

/// Returns whether `c` is invisible alone but changes its neighbours, as some scripts and emoji need:
/// joiners and non-joiners, variation selectors, and the tags of flags.
#[must_use]
pub fn is_shaping(c: char) -> bool {
    matches!(c,
        '\u{200C}' | '\u{200D}' | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Returns whether `text` has a visible character.
#[must_use]
pub fn can_be_seen(text: &str) -> bool {
    crate::steps::chars(text).any(|(_, c)| !is_invisible(c))
}

#[cfg(test)]
mod tests {
    use icu_properties::CodePointSetData;
    use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, WhiteSpace};

    use super::*;

    #[test]
    fn ignorable_table_equals_the_unicode_property() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let bidi = CodePointSetData::new::<BidiControl>();
        let white = CodePointSetData::new::<WhiteSpace>();
        for c in '\0'..=char::MAX {
            assert_eq!(is_ignorable(c), ignorable.contains(c), "ignorable: {c:?}");
            assert_eq!(is_bidi_control(c), bidi.contains(c), "bidi control: {c:?}");
            assert_eq!(c.is_whitespace(), white.contains(c), "white space: {c:?}");
            let has_property = ignorable.contains(c) || bidi.contains(c) || white.contains(c);
            assert!(is_invisible(c) || !has_property, "invisible: {c:?}");
            assert!(!is_shaping(c) || ignorable.contains(c), "shaping: {c:?}");
        }
    }

    #[test]
    fn text_of_invisible_characters_is_invisible() {
        for text in
            ["", " \n\u{3000}", "\u{FFF0}", "\u{E0001}\u{1D173}", "\u{2800}", "\u{200D}\u{FE0F}"]
        {
            assert!(!can_be_seen(text), "{text:?}");
        }
        for text in [".", "\u{FFF0}a", "👨‍👩‍👧", "می‌خواهم", "\u{301}"] {
            assert!(can_be_seen(text), "{text:?}");
        }
    }
}
