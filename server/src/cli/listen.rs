//! Serving a router on a socket, plain or by TLS, until it is asked to stop.

use crate::http::Tls;
use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// So long may requests under way take after Ctrl-C.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Serves until `asked` is over, and then lets requests under way end.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    asked: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let stop = {
        let handle = handle.clone();
        async move {
            asked.await;
            handle.graceful_shutdown(Some(LAST_WORDS));
        }
    };
    let stopping = tokio::spawn(stop);
    let listener = listener.into_std().context("the socket cannot be taken over")?;
    let served = match tls {
        Some(tls) => axum_server::from_tcp_rustls(listener, tls.into_config())?.handle(handle).serve(service).await,
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
    };
    stopping.abort();
    served.context("the server ended")
}
