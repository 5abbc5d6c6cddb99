//! The layer around the routes: removes the path prefix, and adds the security headers to every
//! response.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::assets::IsPageFile;
use super::people::Reader;
use super::refusal::Refusal;
use crate::config::page::{PageSettings, PathPrefix};
use crate::limits::admission::AdmissionError;
use crate::tls::Tls;

/// The page's Content Security Policy (Level 3): the page loads its own files, its server and the
/// pictures that it draws. It may compile WebAssembly, and inline scripts do not run.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; manifest-src 'self'; \
                      worker-src 'self'; form-action 'self'; base-uri 'none'";

/// The Content Security Policy of the page's files. Files load nothing, but the service worker, which is a
/// file, fetches. Short, because every response with a file has it.
const FILE_POLICY: &str = "default-src 'none'; connect-src 'self'";

/// Referrer policy: links do not send a room's name to other sites.
const REFERRER: &str = "same-origin";

/// Browser features that the page does not use and nothing in it may use.
const PERMISSIONS: &str =
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Tells search engines to list only the front page: anyone with a room's address can enter the room.
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const NOT_LISTED: HeaderValue = HeaderValue::from_static("noindex");

/// The paths that search engines may list.
const LISTED_PATHS: [&str; 2] = ["/", "/robots.txt"];

/// The methods of every address.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The routes with the layer around them.
#[derive(Debug, Clone)]
pub struct Site {
    router: TowerToHyperService<Router>,
    prefix: PathPrefix,
    headers: Arc<Headers>,
    tls: Option<Tls>,
}

/// Headers of every response.
#[derive(Debug)]
struct Headers {
    pages: Vec<(HeaderName, HeaderValue)>,
    files: Vec<(HeaderName, HeaderValue)>,
}

impl Site {
    /// Creates a site. Its TCP ports speak TLS if there is a certificate. `hsts_seconds` is the age of
    /// Strict-Transport-Security; 0 sends no such header.
    #[must_use]
    pub fn new(
        router: Router,
        settings: &PageSettings,
        tls: Option<Tls>,
        hsts_seconds: u64,
    ) -> Self {
        // A proxy that ends TLS sends its own header.
        let hsts_seconds = if tls.is_some() { hsts_seconds } else { 0 };
        Self {
            router: TowerToHyperService::new(router),
            prefix: settings.path_prefix.clone(),
            headers: Headers::new(&settings.frame_ancestors, hsts_seconds).into(),
            tls,
        }
    }

    pub(super) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }
}

impl Headers {
    fn new(frame_ancestors: &[String], hsts_seconds: u64) -> Self {
        let ancestors = frame_ancestors.join(" ");
        let mut files = vec![
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static(REFERRER)),
        ];
        if hsts_seconds > 0 {
            // RFC 6797 section 6.1. Without subdomains, which may belong to others.
            let strict = HeaderValue::from_str(&format!("max-age={hsts_seconds}")).ok();
            files.extend(strict.map(|strict| (STRICT_TRANSPORT_SECURITY, strict)));
        }
        let mut pages = files.clone();
        for (headers, policy) in [(&mut pages, POLICY), (&mut files, FILE_POLICY)] {
            // The settings accept valid header values only.
            let policy = format!("{policy}; frame-ancestors {ancestors}");
            let policy = HeaderValue::from_str(&policy).ok();
            headers.extend(policy.map(|policy| (CONTENT_SECURITY_POLICY, policy)));
        }
        pages.push((PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS)));
        // X-Frame-Options, for old browsers, can express only these two settings.
        match ancestors.as_str() {
            "'none'" => pages.push((X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))),
            "'self'" => pages.push((X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))),
            _ => {}
        }
        Self { pages, files }
    }

    /// Adds the headers of a page or of a file to a response.
    fn add_to(&self, response: &mut Response<Body>) {
        let is_file = response.extensions().get::<IsPageFile>().is_some();
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
        if let Some(uri) = without_prefix(request.uri(), self.prefix.as_str()) {
            *request.uri_mut() = uri;
        }
        let reader = Reader::of(&request);
        let is_listed = LISTED_PATHS.contains(&request.uri().path());
        let headers = Arc::clone(&self.headers);
        let answer = match answer_without_route(&request, &self.prefix) {
            Some(response) => Err(response),
            None => Ok(self.router.call(request)),
        };
        Box::pin(async move {
            let mut response = match answer {
                Ok(answer) => answer.await?,
                Err(response) => response,
            };
            // An upgrade is not a page.
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(response);
            }
            let refusal: Option<Refusal> = response.extensions_mut().remove();
            if let (Some(reader), Some(refusal)) = (reader, &refusal) {
                reader.rewrite(refusal, &mut response);
            }
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, METHODS);
            }
            let is_file = response.extensions().get::<IsPageFile>().is_some();
            if refusal.is_some() || !(is_listed || is_file) {
                response.headers_mut().insert(ROBOTS, NOT_LISTED);
            }
            headers.add_to(&mut response);
            Ok(response)
        })
    }
}

/// Answers a request that has no route: OPTIONS, CONNECT, and the prefix without a slash. Returns `None` for
/// other requests.
fn answer_without_route<B>(request: &Request<B>, prefix: &PathPrefix) -> Option<Response<Body>> {
    // Load balancers use OPTIONS as a health check. The answer costs almost nothing, so connections beyond a
    // limit get it too.
    if request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, METHODS);
        return Some(response);
    }
    if request.extensions().get::<AdmissionError>().is_some() {
        return None;
    }
    if request.method() == Method::CONNECT {
        return Some(Refusal::method().into_response());
    }
    let is_bare = !prefix.as_str().is_empty() && request.uri().path() == prefix.as_str();
    is_bare.then(|| redirect_to_root(prefix))
}

/// Returns the address without the prefix. Returns `None` if the address does not begin with the prefix,
/// because a proxy may have removed it.
fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    if prefix.is_empty() {
        return None;
    }
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    if !rest.starts_with('/') {
        return None;
    }
    rest.parse::<PathAndQuery>().ok().map(Uri::from)
}

/// Redirects to the address with a slash, because the page names its files relative to its address.
fn redirect_to_root(prefix: &PathPrefix) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // A prefix is a valid header value.
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
    fn prefix_is_removed_only_as_a_whole() {
        for (uri, expected) in [
            ("/chat/", Some("/")),
            ("/chat/room/a%2Fb?nickname=x", Some("/room/a%2Fb?nickname=x")),
            ("/chat//x", Some("//x")),
            ("/chatter/", None),
            ("/chat?x", None),
            ("/room/chat/", None),
            ("*", None),
        ] {
            let found = without_prefix(&uri.parse().unwrap(), "/chat");
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
        }
        assert_eq!(without_prefix(&"/chat/".parse().unwrap(), ""), None);
    }

    #[test]
    fn pages_and_files_have_different_content_policies() {
        let headers = Headers::new(&["'self'".to_owned()], 3600);
        let mut page = Response::new(Body::empty());
        headers.add_to(&mut page);
        let mut file = Response::new(Body::empty());
        file.extensions_mut().insert(IsPageFile);
        headers.add_to(&mut file);
        for (answer, policy) in [(&page, POLICY), (&file, FILE_POLICY)] {
            let headers = answer.headers();
            let expected = format!("{policy}; frame-ancestors 'self'");
            assert_eq!(headers[CONTENT_SECURITY_POLICY], expected.as_str());
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[REFERRER_POLICY], "same-origin");
            assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=3600");
        }
        assert!(page.headers().contains_key(PERMISSIONS_POLICY));
    }

    #[test]
    fn x_frame_options_is_sent_only_if_it_can_express_the_setting() {
        let framing = |sources: &[&str]| {
            let sources: Vec<_> = sources.iter().map(|source| (*source).to_owned()).collect();
            let map: HeaderMap = Headers::new(&sources, 0).pages.into_iter().collect();
            let policy = map[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            let ancestors = policy.rsplit_once("frame-ancestors ").unwrap().1.to_owned();
            (ancestors, map.get(X_FRAME_OPTIONS).map(|value| value.to_str().unwrap().to_owned()))
        };
        assert_eq!(framing(&["'none'"]), ("'none'".into(), Some("DENY".into())));
        assert_eq!(framing(&["'self'"]), ("'self'".into(), Some("SAMEORIGIN".into())));
        assert_eq!(framing(&["'self'", "https://a"]), ("'self' https://a".into(), None));
    }
}
