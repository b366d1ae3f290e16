//! Beginning again where another transaction came between.

use super::StoreError;
use std::time::{Duration, Instant};

/// A transaction is begun so often at most.
const ATTEMPTS: u32 = 20;
/// And not again once this long has passed: a request has 20 seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// The first pause is drawn from 0 up to this; each further one from twice the range.
const FIRST: Duration = Duration::from_millis(2);
/// No pause is drawn from a longer range.
const LONGEST: Duration = Duration::from_millis(250);

/// Errors that say whether beginning again may help.
pub trait Transient {
    /// Whether the same work may succeed if it is done again from its first read on.
    fn transient(&self) -> bool;
}

impl Transient for StoreError {
    fn transient(&self) -> bool {
        StoreError::transient(self)
    }
}

/// Runs `work`, a whole transaction from its first read to its commit, and runs it again where it lost against another one
/// (serialisation failure, deadlock, `SQLITE_BUSY`): at most twenty times in eight seconds, with random pauses between.
///
/// # Errors
/// What `work` said last.
pub async fn retry<T, E, F>(mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: Transient,
    F: Future<Output = Result<T, E>>,
{
    let began = Instant::now();
    let mut range = FIRST;
    for _ in 1..ATTEMPTS {
        match work().await {
            Err(error) if error.transient() && began.elapsed() < PATIENCE => {
                metrics::counter!("sottovoce_store_retries_total").increment(1);
                tokio::time::sleep(range.mul_f64(jitter())).await;
                range = (range * 2).min(LONGEST);
            }
            other => return other,
        }
    }
    work().await
}

/// In `[0, 1)`; without randomness half way, which only lets two who collided collide again.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / 4_294_967_296.0)
}
