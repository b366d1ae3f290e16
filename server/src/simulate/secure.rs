//! Secure rounds over a population: every device does its own engine's errands, a committee among them opens the sums, and the server is the
//! whole one behind its own doors. Time is simulated, and so is nothing else.

use super::{Population, Reply, RoundDevice, RoundsConfig, RoundsOutcome, SimulationError, Wire};
use crate::federated::{Coordinator, Round, RoundError};
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rayon::prelude::*;
use sottovoce::client::secure::Phase;
use sottovoce::ids::Millis;
use sottovoce::math::Rng;
use sottovoce::privacy::accountant::Budget;
use sottovoce::secagg::PublicKey;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;

/// So far the clock goes on while nobody has anything to do.
const STEP_MS: u64 = 500;
/// A round that has not ended by then never will.
const LONGEST_MS: u64 = 3_600_000;

/// The devices of a population, and the clock that they and the server look at.
#[derive(Debug)]
pub struct SecurePopulation<'a> {
    devices: Vec<RoundDevice>,
    clock: &'a AtomicU64,
}

/// A wire that is weighed.
#[derive(Debug)]
struct Weighed<'a, W> {
    wire: &'a W,
    up: &'a AtomicU64,
}

impl<W: Wire> Wire for Weighed<'_, W> {
    async fn request(&self, path: &str, body: Option<Vec<u8>>) -> Reply {
        self.up.fetch_add(body.as_ref().map_or(0, Vec::len) as u64, Ordering::Relaxed);
        self.wire.request(path, body).await
    }
}

impl<'a> SecurePopulation<'a> {
    /// Everyone of `population`, with a budget each, trusting `server`. Their secrets are drawn from `seed`: this is a simulation.
    ///
    /// # Errors
    /// [`SimulationError::Device`].
    pub fn new(
        population: Population,
        budget: Budget,
        server: PublicKey,
        clock: &'a AtomicU64,
        seed: u64,
    ) -> Result<Self, SimulationError> {
        let rng = Rng::new(seed).split("secrets");
        let device = |(i, listener)| {
            let mut rng = rng.split_at(i as u64);
            let secret: Vec<u8> = (0..4).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
            let mut device = RoundDevice::new(listener, ChaCha20Rng::from_seed(secret.try_into().unwrap_or_default()));
            device.engine().set_budget(budget);
            device.engine().trust_server(server)?;
            Ok(device)
        };
        let devices =
            population.listeners.into_iter().enumerate().map(device).collect::<Result<_, SimulationError>>()?;
        Ok(Self { devices, clock })
    }

    fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed))
    }

    fn pass(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// Runs rounds one after the other, and calls `after` with each one's number, from 0, and outcome. Who drops out does so after joining.
    /// Has to be called from a thread that may wait.
    ///
    /// # Errors
    /// [`SimulationError`]; rounds already closed stay closed.
    pub fn run(
        &mut self,
        wire: &impl Wire,
        coordinator: &Coordinator,
        runtime: &Handle,
        config: &RoundsConfig,
        mut after: impl FnMut(u32, RoundsOutcome),
    ) -> Result<(), SimulationError> {
        let rng = Rng::new(config.seed).split("rounds");
        for number in 0..config.rounds {
            let mut rng = rng.split_at(u64::from(number));
            let mut order: Vec<usize> = (0..self.devices.len()).collect();
            rng.shuffle(&mut order);
            order.truncate(config.clients);
            let mut invited: Vec<Option<bool>> = vec![None; self.devices.len()];
            for i in order {
                invited[i] = Some(rng.uniform() < config.dropout);
            }
            let outcome = self.round(wire, coordinator, runtime, &invited)?;
            after(number, outcome);
        }
        Ok(())
    }

    /// `invited`: for those of this round, whether they drop out.
    fn round(
        &mut self,
        wire: &impl Wire,
        coordinator: &Coordinator,
        runtime: &Handle,
        invited: &[Option<bool>],
    ) -> Result<RoundsOutcome, SimulationError> {
        let up = AtomicU64::new(0);
        let began = self.now();
        let before = runtime.block_on(newest(coordinator))?.map_or(0, |round| round.id.0);
        let ended = loop {
            self.errands(&Weighed { wire, up: &up }, runtime, invited)?;
            runtime.block_on(coordinator.tick(self.now()))?;
            let newest = runtime.block_on(coordinator.rounds(2))?;
            // The next one opens with the end of this one; it is for others.
            if let Some(round) = newest.into_iter().find(|round| round.id.0 > before && !round.state.live()) {
                break round;
            }
            if self.now().since(began) > LONGEST_MS {
                return Err(SimulationError::NoEnd);
            }
            self.pass(STEP_MS);
        };
        let members = coordinator.config().secure.as_ref().map_or(0, |secure| secure.absent_ms);
        self.pass(members + 1); // whoever served in this one is not counted on in the next
        Ok(RoundsOutcome {
            invited: invited.iter().flatten().count(),
            dropped: invited.iter().flatten().filter(|drops| **drops).count(),
            empty: invited.iter().flatten().filter(|drops| !**drops).count().saturating_sub(ended.updates as usize),
            counted: ended.updates as usize,
            bytes: up.into_inner(),
            closed: ended.weights_to.is_some(),
        })
    }

    /// Everybody who is here does what is to be done now.
    fn errands(&mut self, wire: &impl Wire, runtime: &Handle, invited: &[Option<bool>]) -> Result<(), SimulationError> {
        let now = self.now();
        self.devices.par_iter_mut().zip(invited).try_for_each(|(device, invited)| match invited {
            // Its page closes once it has joined; as a member it is gone, too.
            Some(true) if !matches!(device.state().phase, Phase::Idle | Phase::Joining) => Ok(()),
            Some(_) => runtime.block_on(device.errands(wire, || now)).map(|_| ()).map_err(SimulationError::Device),
            None => Ok(()),
        })
    }
}

async fn newest(coordinator: &Coordinator) -> Result<Option<Round>, RoundError> {
    Ok(coordinator.rounds(1).await?.pop())
}
