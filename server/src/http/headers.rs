//! Security headers on every answer, and which other sites may call.

use super::app::HttpError;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use core::time::Duration;
use tower_http::cors::CorsLayer;

/// Only this server's own code runs in the page. `wasm-unsafe-eval` lets it compile WebAssembly and nothing else; songs may come
/// from elsewhere, as a catalogue's URLs do.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; media-src 'self' blob: https:; worker-src 'self'; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "browsing-topics=(), geolocation=(), camera=(), microphone=()"),
];

/// `shared` = other sites may load from here.
pub(super) async fn secure(State(shared): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let resource = if shared { "cross-origin" } else { "same-origin" };
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static(resource));
    response
}

/// CORS for the origins named, none by default. Never with a browser's credentials: a device's token is
/// sent by the page that has it.
pub(super) fn cors(origins: &[String]) -> Result<Option<CorsLayer>, HttpError> {
    let parse = |origin: &String| {
        let wrong = || HttpError::Origin { got: origin.clone() };
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).ok_or_else(wrong)?;
        if host.is_empty() || host.contains(['/', '*', ' ', '?', '#', '@']) {
            return Err(wrong());
        }
        HeaderValue::from_str(origin).map_err(|_| wrong())
    };
    if origins.is_empty() {
        return Ok(None);
    }
    let origins = origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT])
            .allow_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
            .expose_headers([header::ETAG, header::RETRY_AFTER])
            .max_age(Duration::from_secs(3600)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        let of = |text: &str| cors(&[text.to_owned()]);
        assert!(of("https://player.example").is_ok() && of("http://localhost:8080").is_ok());
        for bad in ["*", "player.example", "https://", "https://a/b", "https://*.a", "ftp://a"] {
            assert!(matches!(of(bad), Err(HttpError::Origin { .. })), "{bad}");
        }
        assert!(cors(&[]).unwrap().is_none());
    }
}
