//! Distinguishes people from programs by `Accept`, and shows refusals to people as pages.

use axum::body::Body;
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::qvalue::{parse_weighted_list, prefers_english};
use super::refusal::Refusal;
use super::words::{self, Words};

/// Paths with these prefixes are for programs only.
const FOR_PROGRAMS: [&str; 1] = ["/xgate"];

/// The depth of an address in folders. Beyond this depth, the page of a refusal links to the root of the host.
const FOLDERS_MAX: usize = 32;

/// The style sheet of these pages.
pub(super) const STYLE_PATH: &str = "/refusal.css";
const STYLE: &str = include_str!("refusal.css");

/// The request headers on which these responses depend (`Vary`).
const VARIES: &str = "accept, accept-language";

/// A person who opens an address in a browser.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    is_english: bool,
    /// The relative path from the address to the front page, as `../`.
    root: String,
}

impl Reader {
    /// Returns the person behind a request, or `None` for a program.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let path = request.uri().path();
        let is_for_programs = FOR_PROGRAMS.iter().any(|prefix| path.starts_with(prefix));
        if is_for_programs || !wants_page(request.headers()) {
            return None;
        }
        let languages = request.headers().get(ACCEPT_LANGUAGE);
        let is_english =
            languages.is_none_or(|languages| languages.to_str().is_ok_and(prefers_english));
        let folders = path.matches('/').count().saturating_sub(1);
        let root = match folders {
            0 => "./".to_owned(),
            1..=FOLDERS_MAX => "../".repeat(folders),
            _ => "/".to_owned(),
        };
        Some(Self { is_english, root })
    }

    /// Replaces the JSON body of a refusal by a page. Keeps the status and the other headers.
    pub(super) fn rewrite(&self, refusal: &Refusal, response: &mut Response<Body>) {
        *response.body_mut() = Body::from(self.page(refusal));
        let headers = response.headers_mut();
        // The routes have set the length of the JSON body.
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static(VARIES));
    }

    /// Returns the HTML page of a refusal.
    fn page(&self, refusal: &Refusal) -> String {
        let words = words::of(refusal.code(), refusal.status());
        let (language, Words { title, advice }) =
            if self.is_english { ("en", words.english) } else { ("zh-CN", words.chinese) };
        let (again, front) = if self.is_english {
            ("Try again", "Go to home page")
        } else {
            ("重试", "返回首页")
        };
        let root = &self.root;
        // The link reloads the page.
        let again = if refusal.is_temporary() {
            format!("<a href=\"\">{again}</a> ")
        } else {
            String::new()
        };
        format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title} · XMeet</title>\n\
             <link rel=\"icon\" href=\"{root}icon.svg\">\n\
             <link rel=\"stylesheet\" href=\"{root}refusal.css\">\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p>{advice}</p>\n<p>{again}<a href=\"{root}\">{front}</a></p>\n\
             </main>\n</body>\n</html>\n"
        )
    }
}

/// Returns a redirect for a mistyped address whose meaning is clear, else `None`.
pub(super) fn redirect<B>(request: &Request<B>) -> Option<Response<Body>> {
    let is_reading = [Method::GET, Method::HEAD].contains(request.method());
    if !is_reading || !wants_page(request.headers()) {
        return None;
    }
    // Relative, because only the browser knows a proxy's prefix.
    let location = match request.uri().path() {
        "/room" => "./".to_owned(),
        "/room/" => "../".to_owned(),
        path => {
            let room = path.strip_prefix("/room/")?.strip_suffix('/')?;
            if room.is_empty() || room.contains('/') {
                return None;
            }
            let query = request.uri().query().map(|query| format!("?{query}"));
            format!("../{room}{}", query.unwrap_or_default())
        }
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(&location).ok()?);
    headers.insert(VARY, HeaderValue::from_static("accept"));
    Some(response)
}

/// Serves the style sheet of these pages.
pub(super) async fn style() -> Response<Body> {
    text_file("text/css; charset=utf-8", STYLE)
}

/// Serves `robots.txt`. Search engines may read rooms, because a room's page tells them not to list it.
pub(super) async fn robots() -> Response<Body> {
    let text = "User-agent: *\nDisallow: /xgate/\nDisallow: /qr.svg\n";
    text_file("text/plain; charset=utf-8", text)
}

fn text_file(content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// Returns whether a request prefers a page to data: it names HTML, and JSON with no higher weight. A
/// program that accepts anything (`*/*`) does not name HTML.
fn wants_page(headers: &HeaderMap) -> bool {
    let weight = |wanted: &str| weight_of(headers, &ACCEPT, wanted);
    let html = weight("text/html");
    html > 0.0 && html >= weight("application/json")
}

/// Returns the weight of an alternative in a header; 0 if the header does not name the alternative.
fn weight_of(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> f32 {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let mut alternatives = texts.flat_map(parse_weighted_list);
    alternatives
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `Accept` header of browsers for pages.
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn request(path: &str, accept: &str) -> Request<()> {
        Request::get(path).header(ACCEPT, accept).body(()).unwrap()
    }

    #[test]
    fn request_that_prefers_html_is_from_a_person() {
        for accept in [BROWSER, "text/html", "text/HTML;q=0.1", "application/json, text/html"] {
            assert!(Reader::of(&request("/about", accept)).is_some(), "{accept}");
            assert!(Reader::of(&request("/xgate/websocket/r", accept)).is_none(), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json, text/html;q=0.5",
            "text/html;q=0",
            "image/*",
            "text/*",
            "text/html;q=nan",
        ] {
            assert!(Reader::of(&request("/about", accept)).is_none(), "{accept}");
        }
    }

    #[test]
    fn links_lead_to_the_root_from_any_depth() {
        let deep = format!("/{}x", "a/".repeat(FOLDERS_MAX + 1));
        for (path, root) in [
            ("/", "./"),
            ("/about", "./"),
            ("/room/", "../"),
            ("/a/b/c", "../../"),
            ("//x/", "../../"),
            (&deep, "/"),
        ] {
            assert_eq!(Reader::of(&request(path, BROWSER)).unwrap().root, root, "{path}");
        }
    }

    #[test]
    fn mistyped_address_with_a_clear_meaning_is_redirected() {
        for (path, location) in [
            ("/room", Some("./")),
            ("/room/", Some("../")),
            ("/room/lobby/", Some("../lobby")),
            ("/room/%E8%81%8A%2Fa/?nickname=x", Some("../%E8%81%8A%2Fa?nickname=x")),
            ("/room//", None),
            ("/room/a/b", None),
            ("/room//evil.example/", None),
            ("/about/", None),
        ] {
            let answer = redirect(&request(path, BROWSER));
            let found = answer.as_ref().map(|answer| answer.headers()[LOCATION].to_str().unwrap());
            assert_eq!(found, location, "{path}");
            assert!(redirect(&request(path, "*/*")).is_none(), "{path}");
        }
    }

    #[test]
    fn page_is_in_the_preferred_language_and_runs_nothing() {
        for (languages, words) in
            [("en", "Page not found"), ("zh-CN,en;q=0.5", "页面不存在"), ("de", "Page not found")]
        {
            let mut request = request("/about", BROWSER);
            request.headers_mut().insert(ACCEPT_LANGUAGE, HeaderValue::from_static(languages));
            let page = Reader::of(&request).unwrap().page(&Refusal::not_found());
            assert!(page.contains(&format!("<h1>{words}</h1>")), "{page}");
            for word in ["<script", "style=", "<style", "onclick"] {
                assert!(!page.contains(word), "{page}");
            }
        }
    }
}
