//! Answers with a name: `ETag`, `If-None-Match` and 304 (RFC 9110 §13).

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use core::fmt::Write as _;
use sha2::{Digest as _, Sha256};

/// Revalidated at every use: a 304 costs one round trip, and a retrained catalogue is seen at once.
pub(super) const REVALIDATE: &str = "public, no-cache";

/// Bytes with their type and their name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    pub(super) media_type: &'static str,
}

impl Named {
    /// Named by content. JSON gets a weak name: it may travel compressed.
    pub(super) fn by_content(bytes: Vec<u8>, media_type: &'static str) -> Self {
        let weak = if media_type == "application/json" { "W/" } else { "" };
        Self { etag: format!("{weak}\"{}\"", digest(&bytes, 16)), bytes: bytes.into(), media_type }
    }

    /// The answer, or 304 where the client holds it already.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if holds(request, &self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type))], self.bytes.clone()).into_response()
        };
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// The first `bytes` bytes of SHA-256, in hex.
pub(super) fn digest(content: &[u8], bytes: usize) -> String {
    Sha256::digest(content).iter().take(bytes).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing into a String cannot fail
        hex
    })
}

/// Weak comparison, as If-None-Match asks for.
fn holds(request: &HeaderMap, etag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|tag| tag.trim() == "*" || strong(tag) == strong(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_compares_weakly() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            holds(&headers, "W/\"a\"")
        };
        assert!(with("\"a\"") && with("W/\"a\"") && with("\"b\", \"a\"") && with("*"));
        assert!(!with("\"b\"") && !with("a") && !with(""));
        assert!(!holds(&HeaderMap::new(), "\"a\""));
    }
}
