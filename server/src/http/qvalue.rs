//! Header values with quality weights (RFC 9110 section 12.4.2), as in `Accept-Encoding`.

/// Returns the alternatives of a header in order, each with its weight. A weight of 0 means that the client
/// refuses the alternative. A missing or invalid weight counts as 1.
pub fn parse_weighted_list(header: &str) -> impl Iterator<Item = (&str, f32)> {
    header.split(',').map(|range| {
        let mut parts = range.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix(['q', 'Q'])?.strip_prefix('=')?.parse().ok());
        (name, weight.unwrap_or(1.0))
    })
}

/// Returns whether an `Accept-Language` (RFC 9110 section 12.5.4) prefers English to Chinese: Chinese
/// is absent, or English has the higher weight, or both have the same weight and English is first.
pub fn prefers_english(header: &str) -> bool {
    // The highest weight of a language, and the position of that alternative.
    let best = |language: &str| {
        let weights =
            parse_weighted_list(header).enumerate().filter_map(|(index, (tag, weight))| {
                let primary = tag.split('-').next()?;
                (primary.eq_ignore_ascii_case(language) && weight > 0.0)
                    .then_some((weight, std::cmp::Reverse(index)))
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

    #[test]
    fn list_is_parsed_with_weights() {
        let header = "zh-CN, en;q=0.5;x=1 ,de;Q=0, *;q=much";
        let expected = [("zh-CN", 1.0), ("en", 0.5), ("de", 0.0), ("*", 1.0)];
        assert_eq!(parse_weighted_list(header).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn language_with_the_higher_weight_is_preferred() {
        for header in
            ["en", "en-US,en;q=0.9", "en,zh;q=0.9", "zh;q=0.1, en;q=0.2", "de", "", "zh;q=0"]
        {
            assert!(prefers_english(header), "{header:?}");
        }
        for header in ["zh", "zh-CN,zh;q=0.9,en;q=0.8", "de, zh-TW;q=0.3", "ZH-hant", "zh,en"] {
            assert!(!prefers_english(header), "{header:?}");
        }
    }
}
