//! The server itself, called like a function: a simulated device's messages go through the same doors as a page's, without a socket.

use crate::simulate::{Reply, Wire};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use sottovoce::protocol::{MAX_MESSAGE_BYTES, MEDIA_TYPE};
use tower::ServiceExt as _;

/// A server within this process.
#[derive(Clone, Debug)]
pub(super) struct Within(pub(super) Router);

impl Wire for Within {
    async fn request(&self, path: &str, body: Option<Vec<u8>>) -> Reply {
        let method = if body.is_some() { Method::PUT } else { Method::GET };
        let request = Request::builder().method(method).uri(format!("/{path}")).header(CONTENT_TYPE, MEDIA_TYPE);
        let Ok(request) = request.body(Body::from(body.unwrap_or_default())) else { return (0, Vec::new()) };
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status().as_u16();
        match to_bytes(response.into_body(), MAX_MESSAGE_BYTES).await {
            Ok(body) => (status, body.to_vec()),
            Err(_) => (0, Vec::new()),
        }
    }
}
