//! What surrounds the routes: the prefix that a proxy leaves before every path is taken away, and
//! every answer tells the browser what it may do with it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::assets::OfThePage;
use crate::config::page::{PageSettings, PathPrefix};
use crate::limits::gate::Denial;
use crate::tls::Tls;

/// What the page may load and do (Content Security Policy Level 3): its own files, its server, and
/// the pictures it draws itself. WebAssembly is compiled, and nothing is run that stands in the page.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; manifest-src 'self'; \
                      worker-src 'self'; form-action 'self'; base-uri 'none'";

/// What a file of the page may do by itself: nothing, and the service worker asks for files. It is
/// short because it comes with each of them.
const FILE_POLICY: &str = "default-src 'none'; connect-src 'self'";

/// A room's name is nobody's business but this server's.
const REFERRER: &str = "same-origin";

/// The page asks for none of these, and nothing in it may.
const PERMISSIONS: &str =
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// For how long browsers come back by TLS alone (RFC 6797): a year, in seconds.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// The routes and what surrounds them.
#[derive(Debug, Clone)]
pub struct Site {
    router: TowerToHyperService<Router>,
    prefix: PathPrefix,
    headers: Arc<Headers>,
    tls: Option<Tls>,
}

/// What goes with every answer.
#[derive(Debug)]
struct Headers {
    pages: Vec<(HeaderName, HeaderValue)>,
    files: Vec<(HeaderName, HeaderValue)>,
}

impl Site {
    /// A site of these routes, with TLS on its TCP ports where there is a certificate.
    #[must_use]
    pub fn new(router: Router, settings: &PageSettings, tls: Option<Tls>) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            prefix: settings.path_prefix.clone(),
            headers: Headers::new(&settings.frame_ancestors, tls.is_some()).into(),
            tls,
        }
    }

    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }
}

impl Headers {
    /// `is_tls` says whether browsers reach this very server by TLS; a proxy that does TLS has its
    /// own say in that.
    fn new(frame_ancestors: &[String], is_tls: bool) -> Self {
        let ancestors = frame_ancestors.join(" ");
        let mut files = vec![
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static(REFERRER)),
        ];
        if is_tls {
            files.push((STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT)));
        }
        let mut pages = files.clone();
        for (headers, policy) in [(&mut pages, POLICY), (&mut files, FILE_POLICY)] {
            // The settings take nothing that a header cannot carry.
            let policy = format!("{policy}; frame-ancestors {ancestors}");
            let policy = HeaderValue::from_str(&policy).ok();
            headers.extend(policy.map(|policy| (CONTENT_SECURITY_POLICY, policy)));
        }
        pages.push((PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS)));
        // For browsers that do not know frame-ancestors, where it can be said to them.
        match ancestors.as_str() {
            "'none'" => pages.push((X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))),
            "'self'" => pages.push((X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))),
            _ => {}
        }
        Self { pages, files }
    }

    fn add_to(&self, response: &mut Response<Body>) {
        let is_file = response.extensions().get::<OfThePage>().is_some();
        let headers = if is_file { &self.files } else { &self.pages };
        for (name, value) in headers {
            response.headers_mut().insert(name, value.clone());
        }
    }
}

impl Service<Request<Incoming>> for Site {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let is_denied = request.extensions().get::<Denial>().is_some();
        if request.uri().path() == self.prefix.as_str() && !is_denied {
            let mut response = to_root(&self.prefix);
            self.headers.add_to(&mut response);
            return Box::pin(async move { Ok(response) });
        }
        if let Some(uri) = below(request.uri(), self.prefix.as_str()) {
            *request.uri_mut() = uri;
        }
        let headers = Arc::clone(&self.headers);
        let answering = self.router.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            // An upgrade is not a page.
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                headers.add_to(&mut response);
            }
            Ok(response)
        })
    }
}

/// The address without its prefix; `None` where it has none. A proxy may have taken it away.
fn below(uri: &Uri, prefix: &str) -> Option<Uri> {
    if prefix.is_empty() {
        return None;
    }
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    let is_whole = rest.starts_with('/');
    is_whole.then(|| rest.parse::<PathAndQuery>().ok()).flatten().map(Uri::from)
}

/// The page names its files relative to its own address, which so has to end in a slash.
fn to_root(prefix: &PathPrefix) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // A prefix is made of characters that a header can carry.
    if let Ok(root) = HeaderValue::from_str(&format!("{}/", prefix.as_str())) {
        response.headers_mut().insert(LOCATION, root);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    #[test]
    fn a_prefix_is_taken_away_whole_and_nothing_else_is_changed() {
        for (uri, expected) in [
            ("/chat/", Some("/")),
            ("/chat/room/a%2Fb?nickname=x", Some("/room/a%2Fb?nickname=x")),
            ("/chat//x", Some("//x")),
            ("/chatter/", None),
            ("/chat?x", None),
            ("/room/chat/", None),
            ("*", None),
        ] {
            let found = below(&uri.parse().unwrap(), "/chat");
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
        }
        assert_eq!(below(&"/chat/".parse().unwrap(), ""), None);
    }

    #[test]
    fn a_file_has_a_policy_of_its_own_and_a_page_the_whole() {
        let headers = Headers::new(&["'self'".to_owned()], true);
        let mut page = Response::new(Body::empty());
        headers.add_to(&mut page);
        let mut file = Response::new(Body::empty());
        file.extensions_mut().insert(OfThePage);
        headers.add_to(&mut file);
        for (answer, policy) in [(&page, POLICY), (&file, FILE_POLICY)] {
            let headers = answer.headers();
            let expected = format!("{policy}; frame-ancestors 'self'");
            assert_eq!(headers[CONTENT_SECURITY_POLICY], expected.as_str());
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[REFERRER_POLICY], "same-origin");
            assert_eq!(headers[STRICT_TRANSPORT_SECURITY], STRICT_TRANSPORT);
        }
        assert!(page.headers().contains_key(PERMISSIONS_POLICY));
    }

    #[test]
    fn older_browsers_are_told_who_may_frame_where_they_understand_it() {
        let framing = |sources: &[&str]| {
            let sources: Vec<_> = sources.iter().map(|source| (*source).to_owned()).collect();
            let map: HeaderMap = Headers::new(&sources, false).pages.into_iter().collect();
            let policy = map[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            let ancestors = policy.rsplit_once("frame-ancestors ").unwrap().1.to_owned();
            (ancestors, map.get(X_FRAME_OPTIONS).map(|value| value.to_str().unwrap().to_owned()))
        };
        assert_eq!(framing(&["'none'"]), ("'none'".into(), Some("DENY".into())));
        assert_eq!(framing(&["'self'"]), ("'self'".into(), Some("SAMEORIGIN".into())));
        assert_eq!(framing(&["'self'", "https://a"]), ("'self' https://a".into(), None));
    }
}
