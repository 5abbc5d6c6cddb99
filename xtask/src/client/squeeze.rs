//! The same in fewer bytes: style sheets, scripts, and the names that script and program share.

use std::collections::HashMap;

/// A style sheet without comments and needless spaces.
pub(super) fn css(sheet: &str) -> String {
    let mut out = String::with_capacity(sheet.len());
    let mut rest = sheet;
    let mut is_apart = false;
    while let Some(next) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
            continue;
        }
        if next.is_whitespace() {
            is_apart = true;
            rest = &rest[next.len_utf8()..];
            continue;
        }
        // A space tells names apart, and nothing else: not after `:`, which begins no selector here.
        let needs_space = is_apart && !out.is_empty() && !out.ends_with(['{', '}', ';', ',', ':']);
        if needs_space && !matches!(next, '{' | '}' | ';' | ',') {
            out.push(' ');
        }
        if next == '}' && out.ends_with(';') {
            out.pop();
        }
        is_apart = false;
        let length = if matches!(next, '"' | '\'') { string(rest) } else { next.len_utf8() };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// How long the string at the start of `text` is, quotes included.
fn string(text: &str) -> usize {
    let quote = &text[..1];
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' => escaped = !escaped,
            _ if !escaped && text[at..].starts_with(quote) => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A script without indentation and without lines that are nothing but comment. Scripts with texts
/// over several lines, whose indentation counts, are left as they are.
pub(super) fn js(script: &str) -> String {
    if script.lines().any(|line| line.matches('`').count() % 2 == 1) {
        return script.to_owned();
    }
    let mut out = String::with_capacity(script.len());
    let mut is_comment = false;
    for line in script.lines().map(str::trim) {
        let has_code_behind = line.contains("*/") && !line.ends_with("*/");
        is_comment |= line.starts_with("/*") && !has_code_behind;
        let is_kept = !is_comment && !line.is_empty() && !line.starts_with("//");
        if is_kept {
            out.push_str(line);
            out.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    out
}

/// How long the digests are that wasm-bindgen puts behind names, in hexadecimal digits.
const DIGEST: usize = 16;

/// Gives the names that a script and its program share numbers in place of digests: no compression
/// makes a digest smaller. A number is as long as the digest was, so that nothing in the program
/// moves. Gives back the script.
pub(super) fn names(script: &str, program: &mut [u8]) -> String {
    let mut script = script.as_bytes().to_vec();
    let mut numbers = HashMap::new();
    for at in digests(&script) {
        let next = numbers.len();
        let digest = &mut script[at..at + DIGEST];
        let number = numbers.entry(digest.to_vec()).or_insert_with(|| format!("{next:0DIGEST$}"));
        digest.copy_from_slice(number.as_bytes());
    }
    for at in digests(program) {
        let digest = &mut program[at..at + DIGEST];
        if let Some(number) = numbers.get(&*digest) {
            digest.copy_from_slice(number.as_bytes());
        }
    }
    String::from_utf8(script).expect("digits were replaced by digits")
}

/// Where digests are: at the end of a name, behind a `_`. What begins with a nought is a number.
fn digests(bytes: &[u8]) -> Vec<usize> {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let is_in_name =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let is_digest = |at: usize| {
        bytes[at - 1] == b'_'
            && bytes[at] != b'0'
            && bytes[at..at + DIGEST].iter().all(is_hex)
            && !is_in_name(bytes.get(at + DIGEST))
    };
    (1..bytes.len().saturating_sub(DIGEST - 1)).filter(|at| is_digest(*at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_sheet_says_the_same_in_fewer_bytes() {
        for (sheet, expected) in [
            (
                "/* a */\na :is(b, .c) > d:hover {\n  margin: 0 auto;\n}\n",
                "a :is(b,.c) > d:hover{margin:0 auto}",
            ),
            ("a {\n  width: calc(1px + 2px);\n}\n\nb {}", "a{width:calc(1px + 2px)}b{}"),
            ("a::before { content: \" ; /* \\\" \"; }", "a::before{content:\" ; /* \\\" \"}"),
            (
                "@media (min-width: 1px) and (b) {\n  a { color: red !important; }\n}",
                "@media (min-width:1px) and (b){a{color:red !important}}",
            ),
            (
                "a { grid-template: \"b b\" auto \"c\" 1fr / 1fr; }",
                "a{grid-template:\"b b\" auto \"c\" 1fr / 1fr}",
            ),
        ] {
            assert_eq!(css(sheet), expected);
        }
    }

    #[test]
    fn a_script_keeps_its_code() {
        let script =
            "// a\n/**\n * b\n */\nfunction c() {\n    return 1 // d\n        * 2;\n}\n/* e */\n";
        assert_eq!(js(script), "function c() {\nreturn 1 // d\n* 2;\n}\n");
        let text = "a = `\n  b`;\n";
        assert_eq!(js(text), text);
    }

    #[test]
    fn names_get_numbers_where_they_had_digests() {
        let script = "__wbg_a_0123456789abcdef: b_fedcba9876543210, c_fedcba9876543210(); \
                      d_fedcba98765432100, e_fedcba9876543210_f";
        let mut program = *b"\x12b_fedcba9876543210\0c_1111111111111111\0";
        let named = names(script, &mut program);
        assert_eq!(
            named,
            "__wbg_a_0123456789abcdef: b_0000000000000000, c_0000000000000000(); \
             d_fedcba98765432100, e_fedcba9876543210_f"
        );
        assert_eq!(&program, b"\x12b_0000000000000000\0c_1111111111111111\0");
    }
}
