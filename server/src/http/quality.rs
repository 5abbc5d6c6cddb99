//! Header values that weigh alternatives (RFC 9110 section 12.4.2), as `Accept-Encoding` and
//! `Accept-Language` do.

/// The alternatives of a header's text in the order in which they stand, each with its weight:
/// 1 where none is given or it cannot be read, 0 where the client refuses it.
pub fn weighted(header: &str) -> impl Iterator<Item = (&str, f32)> {
    header.split(',').map(|range| {
        let mut parts = range.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix(['q', 'Q'])?.strip_prefix('=')?.parse().ok());
        (name, weight.unwrap_or(1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alternative_has_its_weight() {
        let header = "zh-CN, en;q=0.5;x=1 ,de;Q=0, *;q=much";
        let expected = [("zh-CN", 1.0), ("en", 0.5), ("de", 0.0), ("*", 1.0)];
        assert_eq!(weighted(header).collect::<Vec<_>>(), expected);
    }
}
