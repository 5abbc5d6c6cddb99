//! Which characters cannot be seen: the one table for names, messages and look-alikes.

/// The ranges of Unicode's `Default_Ignorable_Code_Point`: characters that are drawn as nothing
/// where they are not supported. Code points that Unicode reserves for later ones are among them.
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

/// Returns whether `c` has Unicode's property `Bidi_Control`: it turns the text around it.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether `c` shows nothing when it stands alone: white space, control characters,
/// ignorable characters, and the few others whose glyph is empty (blank Braille pattern, null note
/// head) or that only mark text (interlinear annotation).
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || is_ignorable(c)
        || is_bidi_control(c)
        || is_blank_glyph(c)
        || is_annotation_mark(c)
}

/// Returns whether `c` is drawn as an empty space although Unicode does not call it white space.
#[must_use]
pub(crate) fn is_blank_glyph(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1D159}')
}

/// Returns whether `c` marks an interlinear annotation.
#[must_use]
pub(crate) fn is_annotation_mark(c: char) -> bool {
    matches!(c, '\u{FFF9}'..='\u{FFFB}')
}

/// Returns whether `c` is invisible by itself and still changes its neighbours as some script or
/// emoji needs it: joiners and non-joiners, variation selectors, and the tags of flags.
#[must_use]
pub fn is_shaping(c: char) -> bool {
    matches!(c,
        '\u{200C}' | '\u{200D}' | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Returns whether anything of `text` can be seen.
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
    fn the_table_is_unicodes_for_every_character() {
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
    fn text_of_invisible_characters_alone_cannot_be_seen() {
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
