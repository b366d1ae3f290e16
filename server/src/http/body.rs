//! Reading what a request brings, up to a limit.

use super::problem::Problem;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;

/// Reads at most `limit` bytes of `what`; a longer body is refused by its header, or else as soon as it is over.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize, what: &str) -> Result<Bytes, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(Problem::too_large(what, limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            Problem::too_large(what, limit)
        } else {
            Problem::malformed("the body broke off", "send the same request again")
        }
    })
}
