//! Whether the server has another client by now than the one that runs here.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::browser::{document, home, window};

/// What the names of the client's own files begin with.
const OWN_FILES: &str = "/xmeet-web-";

/// Asks the server for its page, and whether that names the script that runs here: the name of it
/// holds a digest.
pub async fn is_outdated() -> bool {
    let link = document().query_selector("link[rel=modulepreload]").ok().flatten();
    let script = link.and_then(|link| link.get_attribute("href"));
    // Pages name it from where they stand, by its whole path or by a part of it.
    let Some(script) = script.as_deref().and_then(|script| script.get(script.rfind('/')?..)) else {
        return false;
    };
    served_page().await.is_some_and(|page| is_another(script, &page))
}

/// Whether `page` is the client's page, and not the one that names `script`. The page that a
/// hotel's network puts in its place is neither.
fn is_another(script: &str, page: &str) -> bool {
    names(page, OWN_FILES) && !names(page, script)
}

/// The search of the standard library is fast on any text, and a kilobyte.
fn names(page: &str, file: &str) -> bool {
    page.as_bytes().windows(file.len()).any(|part| part == file.as_bytes())
}

async fn served_page() -> Option<String> {
    let options = web_sys::RequestInit::new();
    options.set_cache(web_sys::RequestCache::NoStore);
    let response =
        JsFuture::from(window().fetch_with_str_and_init(&home(), &options)).await.ok()?;
    let text = response.unchecked_into::<web_sys::Response>().text().ok()?;
    JsFuture::from(text).await.ok()?.as_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_with_another_client_is_a_new_version() {
        let own = "/xmeet-web-0123456789abcdef.js";
        assert!(!is_another(own, "import init from '/xmeet-web-0123456789abcdef.js';"));
        assert!(is_another(own, "import init from '/xmeet-web-fedcba9876543210.js';"));
        assert!(!is_another(own, "<h1>Welcome to our hotel</h1>"));
        assert!(!is_another(own, ""));
    }
}
