//! Which types a request can take, and which it brings (RFC 9110 §12.5.1).

use super::problem::Problem;
use axum::http::{HeaderMap, header};
use sottovoce::protocol::MEDIA_TYPE;

/// Whether the client takes `offered`. No `Accept` header means it takes anything.
///
/// # Errors
/// A 406 that names what there is.
pub(super) fn takes(headers: &HeaderMap, offered: &'static str) -> Result<(), Problem> {
    let mut any = false;
    let mut best: Option<(u8, bool)> = None; // how exactly the most exact range matched, and whether it said yes
    for range in headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')) {
        any = true;
        let mut parts = range.split(';').map(str::trim);
        let Some(exactness) = parts.next().and_then(|range| matches(range, offered)) else { continue };
        let wanted = parts.all(|p| !p.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
        if best.is_none_or(|(b, _)| exactness > b) {
            best = Some((exactness, wanted));
        }
    }
    let taken = !any || best.is_some_and(|(_, wanted)| wanted);
    if taken { Ok(()) } else { Err(Problem::not_acceptable(offered)) }
}

fn matches(range: &str, offered: &str) -> Option<u8> {
    let (kind, _) = offered.split_once('/')?;
    if range.eq_ignore_ascii_case(offered) {
        Some(2)
    } else if range.split_once('/').is_some_and(|(k, sub)| sub == "*" && k.eq_ignore_ascii_case(kind)) {
        Some(1)
    } else if range == "*/*" {
        Some(0)
    } else {
        None
    }
}

/// Whether the body is a CBOR message of this version.
///
/// # Errors
/// A 415 that names what is taken.
pub(super) fn brings_cbor(headers: &HeaderMap) -> Result<(), Problem> {
    let got = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let plain = got.split(';').next().unwrap_or("").trim();
    if plain.eq_ignore_ascii_case(MEDIA_TYPE) { Ok(()) } else { Err(Problem::wrong_type(got)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(accept: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        takes(&headers, "application/json").is_ok()
    }

    #[test]
    fn accept_headers_as_clients_write_them() {
        assert!(answer(None));
        assert!(answer(Some("*/*")));
        assert!(answer(Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
        assert!(answer(Some("Application/JSON; q=0.2")));
        assert!(answer(Some("text/plain, application/*")));
        assert!(!answer(Some("text/html")));
        assert!(!answer(Some("application/json;q=0, */*")));
        assert!(!answer(Some("application/vnd.sottovoce.v2+cbor")));
        assert!(!answer(Some("")));
    }
}
