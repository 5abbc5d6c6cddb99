//! Detects that the server has another version of the client than this page.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::browser::{document, home, window};

/// The beginning of the names of the client's files.
const OWN_FILES: &str = "/xmeet-web-";

/// Fetches the server's page and returns whether it names another script. The script's name contains a
/// digest. Returns false if the fetch fails.
pub async fn is_outdated() -> bool {
    let link = document().query_selector("link[rel=modulepreload]").ok().flatten();
    let script = link.and_then(|link| link.get_attribute("href"));
    // Pages may name the script by a relative path, so only the file name counts.
    let Some(script) = script.as_deref().and_then(|script| script.get(script.rfind('/')?..)) else {
        return false;
    };
    served_page().await.is_some_and(|page| is_another(script, &page))
}

/// Returns whether `page` is a page of the client with another script than `script`. The login page of
/// a captive portal is no page of the client.
fn is_another(script: &str, page: &str) -> bool {
    names(page, OWN_FILES) && !names(page, script)
}

/// Returns whether `page` contains `file`. The search of the standard library would add a kilobyte.
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
    fn only_a_client_page_with_another_script_is_a_new_version() {
        let own = "/xmeet-web-0123456789abcdef.js";
        assert!(!is_another(own, "import init from '/xmeet-web-0123456789abcdef.js';"));
        assert!(is_another(own, "import init from '/xmeet-web-fedcba9876543210.js';"));
        assert!(!is_another(own, "<h1>Welcome to our hotel</h1>"));
        assert!(!is_another(own, ""));
    }
}
