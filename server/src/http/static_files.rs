//! The player's files.

use super::app::HttpError;
use super::problem::no_such_page;
use axum::Router;
use axum::extract::Request;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use std::path::Path;
use tower_http::services::ServeDir;

/// Serves a folder; what is not in it is a problem, as everywhere.
pub(super) fn files(www: &Path) -> Result<Router, HttpError> {
    if !www.join("index.html").is_file() {
        return Err(HttpError::Www { path: www.to_owned() });
    }
    let folder = ServeDir::new(www).precompressed_br().precompressed_gzip().fallback(no_such_page.into_service());
    Ok(Router::new().fallback_service(folder).layer(from_fn(cache)))
}

/// A file whose name carries its content's hash never changes; everything else is asked for again, and answered 304.
async fn cache(request: Request, next: Next) -> Response {
    let hashed = hashed(request.uri().path());
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == axum::http::StatusCode::NOT_MODIFIED {
        let value = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    }
    response
}

/// `app-4J7QZ2KX.js`: eight capitals or digits before the first dot of the name, as esbuild writes them.
fn hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or("");
    let stem = name.split('.').next().unwrap_or("");
    stem.rsplit_once('-')
        .is_some_and(|(_, hash)| hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::hashed;

    #[test]
    fn only_hashed_names_are_for_ever() {
        assert!(hashed("/assets/app-4J7QZ2KX.js") && hashed("/app-4J7QZ2KX.js.map"));
        assert!(!hashed("/index.html") && !hashed("/app.js") && !hashed("/now-playing.js") && !hashed("/"));
    }
}
