//! All routes, and the layers around them.

use super::app::{App, HttpConfig, HttpError};
use super::{
    admin, blocks, candidates, catalogue, headers, limits, log, ops, problem, ranker, recall, rounds, secure,
    static_files, tower,
};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use sottovoce::protocol::MEDIA_TYPE;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A message of `sottovoce::protocol`: CBOR `[version, kind, payload]`, tensors as little-endian byte strings.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "names a schema")]
pub(super) struct Cbor(Vec<u8>);

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "sottovoce",
        description = "Catalogue, candidates, recall, user-tower weights and federated rounds. Tensors are CBOR of the media type's version; problems are RFC 9457."
    ),
    tags(
        (name = "catalogue", description = "What there is to hear"),
        (name = "candidates", description = "Recall on the server"),
        (name = "recall", description = "Songs for devices that ask with a noised question instead of holding the catalogue"),
        (name = "ranker", description = "Scores of a ranking model, where one is served"),
        (name = "rounds", description = "Federated training of the user tower"),
        (name = "secure rounds", description = "Rounds whose sum the server cannot open but as a whole"),
        (name = "log", description = "Every version of the weights, chained and signed"),
        (name = "admin", description = "For operators with a token; off unless one is configured"),
        (name = "operations", description = "For whoever runs the server"),
    ),
    modifiers(&Schemes)
)]
struct Description;

/// How operators and devices show who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = || SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("operator", bearer());
        components.add_security_scheme("device", bearer());
    }
}

/// Routes under `/v1`, which the address limit guards.
fn v1() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(catalogue::manifest))
        .routes(routes!(catalogue::songs))
        .routes(routes!(catalogue::embeddings))
        .routes(routes!(candidates::candidates))
        .routes(routes!(recall::recall))
        .routes(routes!(recall::songs))
        .routes(routes!(ranker::scores))
        .routes(routes!(tower::weights))
        .routes(routes!(rounds::next))
        .routes(routes!(rounds::list))
        .routes(routes!(rounds::one))
        .routes(routes!(rounds::update))
        .routes(routes!(blocks::block))
        .routes(routes!(secure::enlist))
        .routes(routes!(secure::join))
        .routes(routes!(secure::roster))
        .routes(routes!(secure::report))
        .routes(routes!(secure::outcome))
        .routes(routes!(secure::split))
        .routes(routes!(secure::vote))
        .routes(routes!(secure::votes))
        .routes(routes!(secure::disclose))
        .routes(routes!(log::log))
        .routes(routes!(log::key))
}

/// Routes under `/v1/admin`, which a token guards besides.
fn admin() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(admin::settings, admin::change))
        .routes(routes!(admin::pause, admin::resume))
        .routes(routes!(admin::abandon))
}

fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ops::health)).routes(routes!(ops::metrics))
}

/// The API's description, as `/openapi.json` serves it.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    OpenApiRouter::with_openapi(Description::openapi()).merge(v1()).merge(admin()).merge(operations()).into_openapi()
}

/// The whole server, without a socket. Serve it with connect info, so that the limits know addresses apart.
///
/// # Errors
/// [`HttpError::Www`], [`HttpError::Origin`].
pub fn router(app: App, config: &HttpConfig) -> Result<Router, HttpError> {
    let (v1, _) = v1().split_for_parts();
    let (operations, _) = operations().split_for_parts();
    let (admin, _) = admin().split_for_parts();
    let admin = admin.route_layer(from_fn_with_state(app.clone(), admin::guard));
    let guarded = v1.merge(admin).route_layer(from_fn_with_state(app.clone(), limits::per_address));
    let description = openapi();
    let routes =
        guarded.merge(operations).route("/openapi.json", get(move || async { Json(description) })).with_state(app);
    let routes = match &config.www {
        Some(www) => routes.fallback_service(static_files::files(www)?),
        None => routes.fallback(problem::no_such_page),
    };
    // From the inside out.
    let int8_does_not_shrink = DefaultPredicate::new().and(NotForContentType::const_new(MEDIA_TYPE));
    let routes = routes
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, config.limits.timeout))
        .layer(CompressionLayer::new().gzip(true).compress_when(int8_does_not_shrink))
        .layer(from_fn(problem::cover));
    let routes = match headers::cors(&config.allow_origins)? {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    Ok(routes.layer(from_fn_with_state(!config.allow_origins.is_empty(), headers::secure)).layer(from_fn(ops::observe)))
}
