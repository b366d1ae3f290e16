//! What a request may cost: bytes, time, and how often.

use super::app::{App, HttpError};
use super::problem::Problem;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use core::num::NonZeroU32;
use core::time::Duration;
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sottovoce::ids::RoundId;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bounds on what a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Requests a second that one address may keep up (an IPv6 /64 counts as one).
    pub address_per_second: u32,
    /// Requests that one address may send at once.
    pub address_burst: u32,
    /// Questions for songs (`/v1/recall…`) a second that one address may keep up: each is a scan of the catalogue for every direction.
    pub question_per_second: u32,
    /// Questions that one address may send at once.
    pub question_burst: u32,
    /// Requests a second that one device may keep up where devices have tokens ([`super::SignedTokens`]), whatever its address.
    pub device_per_second: u32,
    /// Requests that one device may send at once.
    pub device_burst: u32,
    /// Updates a second that one round takes in, counted or not, from all addresses together.
    pub round_per_second: u32,
    /// Updates that one round takes in at once.
    pub round_burst: u32,
    /// So long may a request take, its body included.
    pub timeout: Duration,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            address_per_second: 50,
            address_burst: 200,
            question_per_second: 2,
            question_burst: 40,
            device_per_second: 1,
            device_burst: 30,
            round_per_second: 500,
            round_burst: 2000,
            timeout: Duration::from_secs(20),
        }
    }
}

/// Room for the CBOR around an update's values.
const ENVELOPE_BYTES: usize = 256;

/// Under it lie the questions for songs.
const RECALL: &str = "/v1/recall";

/// The addresses and pseudonyms live here, in memory, for as long as they are limited, and nowhere else.
#[derive(Debug)]
pub(super) struct Limits {
    address: DefaultKeyedRateLimiter<IpAddr>,
    question: DefaultKeyedRateLimiter<IpAddr>,
    device: DefaultKeyedRateLimiter<[u8; 16]>,
    round: DefaultKeyedRateLimiter<RoundId>,
    pub(super) update_bytes: usize,
}

impl Limits {
    pub(super) fn new(config: LimitConfig, parameters: usize) -> Result<Self, HttpError> {
        let quota = |what, per_second, burst| {
            let number = |n| NonZeroU32::new(n).ok_or(HttpError::Limit { what });
            Ok::<_, HttpError>(Quota::per_second(number(per_second)?).allow_burst(number(burst)?))
        };
        Ok(Self {
            address: RateLimiter::keyed(quota(
                "requests of an address",
                config.address_per_second,
                config.address_burst,
            )?),
            question: RateLimiter::keyed(quota(
                "questions of an address",
                config.question_per_second,
                config.question_burst,
            )?),
            device: RateLimiter::keyed(quota("requests of a device", config.device_per_second, config.device_burst)?),
            round: RateLimiter::keyed(quota("updates of a round", config.round_per_second, config.round_burst)?),
            update_bytes: parameters * size_of::<f32>() + ENVELOPE_BYTES,
        })
    }

    /// One more update for `round`.
    ///
    /// # Errors
    /// A 429 with `Retry-After`.
    pub(super) fn update_of(&self, round: RoundId) -> Result<(), Problem> {
        let wait = self.round.check_key(&round).map_err(|no| no.wait_time_from(self.round.clock().now()));
        wait.map_err(|wait| Problem::too_many("for this round", seconds(wait)))
    }

    /// One more request of a device that has a token.
    ///
    /// # Errors
    /// A 429 with `Retry-After`.
    pub(super) fn device(&self, device: [u8; 16]) -> Result<(), Problem> {
        let wait = self.device.check_key(&device).map_err(|no| no.wait_time_from(self.device.clock().now()));
        wait.map_err(|wait| Problem::too_many("from this device", seconds(wait)))
    }

    fn request_of(&self, address: IpAddr) -> Result<(), Problem> {
        let wait = self.address.check_key(&address).map_err(|no| no.wait_time_from(self.address.clock().now()));
        wait.map_err(|wait| Problem::too_many("from this address", seconds(wait)))
    }

    fn question_of(&self, address: IpAddr) -> Result<(), Problem> {
        let wait = self.question.check_key(&address).map_err(|no| no.wait_time_from(self.question.clock().now()));
        wait.map_err(|wait| Problem::too_many("for songs from this address", seconds(wait)))
    }

    /// Drops whoever has not been near a limit for a while.
    pub(super) fn forget(&self) {
        self.address.retain_recent();
        self.question.retain_recent();
        self.device.retain_recent();
        self.round.retain_recent();
    }
}

/// Whole seconds, at least one: `Retry-After` knows no fractions, and 0 would invite a hot loop.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

/// The layer for everything under `/v1`.
pub(super) async fn per_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let address =
        request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.ip());
    let household = household(address);
    let asks = request.uri().path().starts_with(RECALL);
    let allowed = app.0.limits.request_of(household).and_then(|()| match asks {
        true => app.0.limits.question_of(household),
        false => Ok(()),
    });
    match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A household has an IPv4 address or an IPv6 /64.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_household_is_one_address() {
        let ip = |text: &str| household(text.parse().unwrap());
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:2"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_eq!(ip("::ffff:192.0.2.7"), ip("192.0.2.7"));
    }

    #[test]
    fn a_burst_passes_then_waits() {
        let config = LimitConfig { address_per_second: 1, address_burst: 2, ..LimitConfig::default() };
        let limits = Limits::new(config, 10).unwrap();
        let questions = (0..100).take_while(|_| limits.question_of(IpAddr::V4(Ipv4Addr::LOCALHOST)).is_ok()).count();
        assert!((40..50).contains(&questions), "{questions}");
        let (a, b) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::BROADCAST));
        assert!(limits.request_of(a).is_ok() && limits.request_of(a).is_ok());
        assert!(limits.request_of(a).is_err());
        assert!(limits.request_of(b).is_ok(), "another address is not held back");
        assert!(Limits::new(LimitConfig { round_burst: 0, ..config }, 10).is_err());
    }
}
