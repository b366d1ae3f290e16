//! What goes wrong, as `application/problem+json` (RFC 9457) with a `next` that says what to do.

use crate::federated::RoundError;
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sottovoce::protocol::{DecodeError, MEDIA_TYPE};
use std::borrow::Cow;
use utoipa::ToSchema;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What went wrong, and what to do now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    /// Stable name of this kind of problem, `urn:sottovoce:problem:NAME`.
    #[serde(rename = "type")]
    #[schema(example = "urn:sottovoce:problem:key-reused")]
    kind: String,
    /// The kind, in words.
    title: Cow<'static, str>,
    /// The status, once more.
    status: u16,
    /// What happened this time.
    detail: String,
    /// What to do now.
    next: Cow<'static, str>,
}

/// An answer that says what went wrong. Boxed: the way without problems stays narrow.
#[derive(Clone, Debug)]
pub(super) struct Problem(Box<(Details, Option<(HeaderName, HeaderValue)>)>);

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        let details = Details {
            kind: format!("urn:sottovoce:problem:{kind}"),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            next: next.into(),
        };
        Self(Box::new((details, None)))
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.0.1 = Some((name, value.into()));
        self
    }

    pub(super) fn malformed(detail: impl Into<String>, next: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail, next)
    }

    pub(super) fn not_found(detail: impl Into<String>, next: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here", detail, next)
    }

    pub(super) fn not_acceptable(offered: &str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "The answer exists in another type only",
            format!("this address answers {offered}"),
            format!("send `Accept: {offered}`, or no Accept header"),
        )
    }

    pub(super) fn wrong_type(got: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong-type",
            "The body is of another type than this address takes",
            format!("got `{}`, expected `{MEDIA_TYPE}`", got.chars().take(80).collect::<String>()),
            format!("send `Content-Type: {MEDIA_TYPE}`; another version means that one end is older: update it"),
        )
        .with_header(header::ACCEPT, HeaderValue::from_static(MEDIA_TYPE))
    }

    pub(super) fn too_large(what: &str, limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too long",
            format!("{what} has at most {limit} bytes"),
            "fetch the weights and go from them; the message's length follows from theirs",
        )
    }

    pub(super) fn internal(what: &'static str, error: &dyn core::fmt::Display) -> Self {
        tracing::error!(%error, "{what}");
        let next = "send the same request again later; the server's log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", what, next)
    }

    pub(super) fn too_many(what: &'static str, seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many",
            "Too many requests",
            format!("too many requests {what}"),
            format!("wait {seconds} s, then send the same request again"),
        )
        .with_header(header::RETRY_AFTER, seconds)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (details, header) = *self.0;
        let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(header);
        response
    }
}

impl From<RoundError> for Problem {
    fn from(error: RoundError) -> Self {
        if let Some(refusal) = super::admin::refusal(&error) {
            return refusal;
        }
        let refused = |kind, title, next: &'static str| {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, error.to_string(), next)
        };
        match &error {
            RoundError::NoSuchRound { .. } => Self::not_found(error.to_string(), "GET /v1/rounds/next"),
            RoundError::Key { .. } => {
                Self::malformed(error.to_string(), "draw 16 random bytes and write them as lower-case hex")
            }
            RoundError::OtherRound { .. } => {
                refused("other-round", "The update is for another round", "PUT it to the round that it names")
            }
            RoundError::OtherWeights { .. } => refused(
                "other-weights",
                "The update starts from other weights than the round",
                "GET /v1/tower/weights, train again, and send the new update under a new key",
            ),
            RoundError::Length { .. } => refused(
                "wrong-length",
                "The update does not fit the weights",
                "GET /v1/tower/weights; the update has one value for each of theirs",
            ),
            RoundError::Unclipped { .. } => refused(
                "unclipped",
                "The update is longer than the clip norm C",
                "scale it to the offer's clip_norm, then send",
            ),
            RoundError::KeyReused { .. } => refused(
                "key-reused",
                "This key already carries another update",
                "send each new update under a new random key",
            ),
            RoundError::Secure { .. } => refused(
                "secure-round",
                "This round takes masked reports only",
                "GET /v1/rounds/next, and join as it says; a page of an older version cannot take part",
            ),
            RoundError::State(error) if error.busy() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The server is busy",
                "the store did not answer in time",
                "wait a second, then send the same request again; it will not be counted twice",
            )
            .with_header(header::RETRY_AFTER, 1),
            _ => {
                tracing::error!(%error, "rounds");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "The server failed",
                    "the rounds could not be read or written; the server's log says why",
                    "send the same request again later; it will not be counted twice",
                )
            }
        }
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Self {
        let next = match error {
            DecodeError::Version { .. } => "update the older of page and server",
            _ => "send a message as `sottovoce::protocol` encodes it",
        };
        Self::malformed(error.to_string(), next)
    }
}

/// Gives every refusal that a library made (no such method, timeout) the same body as ours.
/// Gives every refusal that a library made (no such method, timeout) the same body as ours.
pub(super) async fn cover(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let ours = response.headers().contains_key(header::CONTENT_TYPE);
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let title = status.canonical_reason().unwrap_or("The request failed");
    let (kind, next) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method", "use one of the methods in the Allow header; see /openapi.json"),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "send the same request again; it will not be counted twice"),
        StatusCode::NOT_FOUND => ("not-found", "GET / for the player, GET /openapi.json for the API"),
        _ => ("refused", "see /openapi.json"),
    };
    let mut covered = Problem::new(status, kind, title, title, next).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH {
            covered.headers_mut().append(name, value.clone());
        }
    }
    covered
}

/// No route, no file.
pub(super) async fn no_such_page(request: Request<Body>) -> Problem {
    let path: String = request.uri().path().chars().take(120).collect();
    Problem::not_found(
        format!("no route and no file at {path}"),
        "GET / for the player (served with --www DIR), GET /openapi.json for the API",
    )
}
