//! Settings of the web client.

use std::fmt;
use std::str::FromStr;

use clap::Args;

/// Settings of the web client.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Page")]
pub struct PageSettings {
    /// Path prefix of all requests behind a proxy, such as /chat
    #[arg(
        long,
        env = "XMEET_PATH_PREFIX",
        value_name = "PATH",
        default_value = "/",
        hide_default_value = true
    )]
    pub path_prefix: PathPrefix,

    /// Pages that may embed the client in a frame: self, none, or origins, separated by commas
    #[arg(
        long,
        env = "XMEET_FRAME_ANCESTORS",
        value_name = "WHO",
        value_delimiter = ',',
        default_value = "self",
        value_parser = frame_ancestor
    )]
    pub frame_ancestors: Vec<String>,
}

/// A path prefix: empty, or segments such as `/chat` or `/a/b`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Returns the prefix without a trailing slash; empty if there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.strip_suffix('/').unwrap_or(text);
        let is_segment = |segment: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain)
        };
        let mut segments = prefix.split('/');
        if segments.next() != Some("") || !segments.clone().all(is_segment) {
            return Err("a prefix is a path of letters, digits and -_.~, as in /chat");
        }
        // Requests without the prefix are served too, so a prefix must not look like one of the
        // server's own paths.
        if matches!(segments.next(), Some("room" | "xgate")) {
            return Err("a prefix cannot begin with /room or /xgate");
        }
        Ok(Self(prefix.to_owned()))
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// Parses a source of `frame-ancestors` (Content Security Policy Level 3, section 6.4.2). Keywords are
/// written without quotes.
fn frame_ancestor(text: &str) -> Result<String, String> {
    match text.trim() {
        keyword @ ("self" | "none") => Ok(format!("'{keyword}'")),
        "*" => Ok("*".to_owned()),
        // These characters could end the directive, the policy or the header.
        text if text.contains([';', ',', '\'', '"'])
            || !text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err("an origin cannot contain this character".to_owned())
        }
        text => super::network::origin(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_prefix_is_a_plain_path() {
        for (text, prefix) in
            [("/", ""), ("", ""), ("/chat", "/chat"), ("/chat/", "/chat"), ("/a/b-c", "/a/b-c")]
        {
            assert_eq!(text.parse::<PathPrefix>().unwrap().as_str(), prefix, "{text}");
        }
        for text in
            ["chat", "//", "/a//b", "/..", "/a/./b", "/a b", "/%41", "/聊", "/room", "/xgate/x"]
        {
            assert!(text.parse::<PathPrefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn frame_ancestor_is_a_keyword_or_an_origin() {
        for (text, source) in
            [("self", "'self'"), ("none", "'none'"), ("*", "*"), (" https://a:8 ", "https://a:8")]
        {
            assert_eq!(frame_ancestor(text).as_deref(), Ok(source));
        }
        for text in
            ["", "'self'", "a.example", "https://a; script-src *", "https://a\r\nx", "https://a/b"]
        {
            assert!(frame_ancestor(text).is_err(), "{text}");
        }
    }
}
