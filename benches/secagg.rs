//! What secure aggregation costs natively: a device's part of a round, the server's, and the expansion of masks alone. `cargo xtask bench
//! rounds` runs it beside its peers.
//!
//! One JSON object: `{"op", "unit", "own": [samples], …}`. Times are CPU time of the thread that works (milliseconds), but for the
//! two rounds that the server spreads over all cores: those are wall-clock seconds.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::secagg::{
    Committee, Digest, Disclosure, Identity, Join, Joined, Joining, MaskJob, Member, Odds, Policy, Prg, Ring, Roster,
    SignedTerms, Terms, Unmasking,
};
use std::error::Error;
use std::time::Instant;

const D: usize = 100_000;
const BITS: u8 = 24;
const MODEL: Digest = Digest([7; 32]);
const BEACON: Digest = Digest([8; 32]);

type Anything<T> = Result<T, Box<dyn Error>>;

fn main() -> Anything<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [op, samples] = arguments.as_slice() else {
        // `cargo test` and `cargo bench` start every target without arguments.
        eprintln!("next: cargo bench --bench secagg -- OP SAMPLES");
        return Ok(());
    };
    let samples: usize = samples.parse()?;
    match op.as_str() {
        "client" => client(&Cohort::new(100, 20, 41)?, samples),
        "upload" => upload(&Cohort::new(100, 20, 41)?),
        "expand" => expand(samples),
        "server" => Cohort::new(100, 20, 41)?.server(samples, op, Clock::Cpu),
        "complete_graph_100" => Cohort::new(100, 99, 41)?.server(samples, op, Clock::Wall),
        "k100_n1000" => Cohort::new(1000, 100, 41)?.server(samples, op, Clock::Wall),
        _ => {
            Err(format!("no operation {op}; next: client, upload, expand, server, complete_graph_100 or k100_n1000")
                .into())
        }
    }
}

/// Everybody's part of a round but what is measured.
struct Cohort {
    server: Identity,
    terms: SignedTerms,
    policy: Policy,
    members: Vec<Member>,
    devices: Vec<(Joined, Join)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Clock {
    /// Of this thread alone: everything on one core.
    Cpu,
    /// All cores.
    Wall,
}

impl Clock {
    fn now(self, start: Instant) -> Anything<f64> {
        Ok(match self {
            Self::Wall => start.elapsed().as_secs_f64(),
            // What this thread was given of a core: the noise of neighbours is not in it.
            Self::Cpu => {
                let spent = clock_gettime(ClockId::ThreadCPUTime);
                std::time::Duration::try_from(spent)?.as_secs_f64()
            }
        })
    }
}

fn timed<T>(clock: Clock, work: impl FnOnce() -> Anything<T>) -> Anything<(f64, T)> {
    let start = Instant::now();
    let before = clock.now(start)?;
    let done = work()?;
    Ok((clock.now(start)? - before, done))
}

fn say(op: &str, unit: &str, own: &[f64], more: serde_json::Value) {
    let mut line = json!({ "op": op, "unit": unit, "own": own });
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    println!("{line}");
}

impl Cohort {
    fn new(n: usize, k: u32, committee: usize) -> Anything<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(n as u64);
        let server = Identity::from_seed([3; 32]);
        let members: Vec<Member> = (0..committee).map(|_| Member::new(&mut rng)).collect();
        let terms = Terms {
            round: RoundId(1),
            weights: WeightsVersion(1),
            model: MODEL,
            record: Digest([0; 32]),
            dimension: u32::try_from(D)?,
            ring: Ring::new(BITS)?,
            prg: Prg::Aes128Ctr,
            least: u32::try_from(n.div_ceil(2).max(2))?,
            degree: k,
            threshold: Committee::of(committee).threshold,
            seats: members.iter().map(|member| member.enlist(RoundId(1))).collect(),
        };
        let odds = Odds { corrupt: 0.0, dropout: 0.0, ..Odds::default() };
        let policy = Policy { server: server.public(), least: 2, seats: 41, odds, last_round: None, seen: None };
        let terms = terms.sign(&server)?;
        let devices = (0..n)
            .map(|_| Ok(Joining::new(terms.clone(), policy, MODEL)?.join(&mut rng)?))
            .collect::<Anything<Vec<_>>>()?;
        Ok(Self { server, terms, policy, members, devices })
    }

    fn roster(&self) -> Anything<Roster> {
        let entries = self.devices.iter().map(|(_, join)| self.terms.admit(join)).collect::<Result<_, _>>()?;
        Ok(Roster::close(&self.terms, entries, BEACON)?)
    }

    /// All of the server's work of a round in which every tenth device vanishes after joining. Where reports are made is not timed.
    fn server(mut self, samples: usize, op: &str, clock: Clock) -> Anything<()> {
        let ring = self.terms.terms.ring;
        let cores = if clock == Clock::Cpu { 1 } else { std::thread::available_parallelism()?.get() };
        let mut own = Vec::new();
        for sample in 0..samples {
            let (opening, roster) = timed(clock, || {
                let roster = self.roster()?;
                for index in 0..roster.entries().len() {
                    std::hint::black_box(roster.view(u32::try_from(index)?, &self.server));
                }
                Ok(roster)
            })?;
            let mut spent = opening;
            let mut sum = vec![0; D];
            let mut plain = vec![0i64; D];
            let mut reported = vec![false; self.devices.len()];
            for (i, (device, _)) in self.devices.iter().enumerate().filter(|(i, _)| i % 10 != 3) {
                let values = vector(i);
                plain.iter_mut().zip(&values).for_each(|(p, v)| *p += i64::from(*v));
                let view = roster.view(roster.index_of(device.identity()).ok_or("a stranger")?, &self.server);
                let device = device.clone();
                let report = device.clone().mask(&device.check(&view.ok_or("no view")?)?, noised(&values)?)?.finish();
                let (took, ()) = timed(clock, || {
                    reported[roster.accept(&self.terms, &report)? as usize] = true;
                    Ok(ring.add_packed(&report.body, &mut sum)?)
                })?;
                spent += took;
            }
            let (took, split) = timed(clock, || Ok(roster.split(&self.terms, &reported)?))?;
            spent += took;
            let (votes, disclosures) = self.committee(&roster, &split)?;
            let mut joins: Vec<&Join> = self.devices.iter().map(|(_, join)| join).collect();
            joins.sort_by_key(|join| join.identity);
            let (took, opened) = timed(clock, || {
                let mut unmasking = Unmasking::new(&self.terms, &roster, &split, &votes)?;
                for disclosure in &disclosures {
                    unmasking.disclose(disclosure, joins.iter().copied())?;
                }
                unmask(&unmasking.jobs()?, ring, &mut sum, cores)?;
                Ok(ring.centred(&sum))
            })?;
            spent += took;
            assert!(opened.iter().zip(&plain).all(|(o, p)| i64::from(*o) == *p), "the sum is not the plain one");
            // The first round also pages everything in.
            if sample > 0 || samples < 5 {
                own.push(if clock == Clock::Cpu { spent * 1e3 } else { spent });
            }
            self.members.iter_mut().for_each(forget);
        }
        let unit = if clock == Clock::Cpu { "ms CPU" } else { "s" };
        say(op, unit, &own, json!({ "devices": self.devices.len(), "cores": cores, "peak_rss_mb": peak_rss()? }));
        Ok(())
    }

    fn committee(
        &mut self,
        roster: &Roster,
        split: &sottovoce::secagg::Split,
    ) -> Anything<(Vec<sottovoce::secagg::Vote>, Vec<Disclosure>)> {
        let (mut votes, mut voted) = (Vec::new(), Vec::new());
        for member in &mut self.members {
            let seated = member.seat(self.terms.clone(), self.policy.server)?;
            let (v, vote) = seated.vote(member, roster.entries().to_vec(), BEACON, split.clone())?;
            votes.push(vote);
            voted.push(v);
        }
        let least = self.terms.terms.threshold as usize;
        let disclosures = voted.into_iter().zip(&self.members).take(least).map(|(v, m)| v.disclose(m, &votes));
        let disclosures = disclosures.collect::<Result<_, _>>()?;
        Ok((votes, disclosures))
    }
}

/// A member that may sign the next sample's split too; a real one never could.
fn forget(member: &mut Member) {
    let mut bytes = member.to_bytes();
    bytes[64..].fill(0);
    if let Some(fresh) = Member::from_bytes(&bytes) {
        *member = fresh;
    }
}

fn unmask(jobs: &[MaskJob], ring: Ring, sum: &mut [u32], cores: usize) -> Anything<()> {
    let parts = std::thread::scope(|scope| {
        let part = |jobs: &[MaskJob]| {
            let mut part = vec![0; D];
            jobs.iter().try_for_each(|job| job.apply(ring, &mut part)).map(|()| part)
        };
        let threads: Vec<_> =
            jobs.chunks(jobs.len().div_ceil(cores).max(1)).map(|jobs| scope.spawn(move || part(jobs))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread died")).collect::<Result<Vec<_>, _>>()
    })?;
    for part in parts {
        sum.iter_mut().zip(part?).for_each(|(s, p)| *s = s.wrapping_add(p));
    }
    Ok(())
}

fn vector(seed: usize) -> Vec<i32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed as u64);
    (0..D).map(|_| (rng.next_u32() % 4096).cast_signed() - 2048).collect()
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Anything<Noised> {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1)?, values.len())?;
    let budget = Budget::new(f64::INFINITY, 1e-9)?;
    let pending = Account::new(budget).charge(plan)?;
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored)?;
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    Ok(gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise)?)
}

/// From the terms to the packed report: joining, checking the roster, masking.
fn client(cohort: &Cohort, samples: usize) -> Anything<()> {
    let roster = cohort.roster()?;
    let (device, _) = &cohort.devices[0];
    let view = roster.view(roster.index_of(device.identity()).ok_or("a stranger")?, &cohort.server).ok_or("no view")?;
    assert_eq!(view.neighbours.len(), 20);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mut own, mut joining, mut masking) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..samples + 5 {
        let values = noised(&vector(sample))?;
        let (join, _) =
            timed(Clock::Cpu, || Ok(Joining::new(cohort.terms.clone(), cohort.policy, MODEL)?.join(&mut rng)?))?;
        let device = device.clone();
        let (mask, _) = timed(Clock::Cpu, || {
            let neighbourhood = device.check(&view)?;
            Ok(device.mask(&neighbourhood, values)?.finish())
        })?;
        if sample >= 5 {
            own.push((join + mask) * 1e3);
            joining.push(join * 1e3);
            masking.push(mask * 1e3);
        }
    }
    let median = |samples: &mut Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    };
    let parts = json!({ "joining_ms": median(&mut joining), "reporting_ms": median(&mut masking) });
    say("client", "ms CPU", &own, parts);
    Ok(())
}

/// Bytes of keys, shares, signatures and the packed vector.
fn upload(cohort: &Cohort) -> Anything<()> {
    let roster = cohort.roster()?;
    let (device, join) = &cohort.devices[0];
    let view = roster.view(roster.index_of(device.identity()).ok_or("a stranger")?, &cohort.server).ok_or("no view")?;
    let report = device.clone().mask(&device.check(&view)?, noised(&vector(0))?)?.finish();
    let joining = 5 * 32 + 64 + join.shares.iter().map(|s| s.len()).sum::<usize>();
    let reporting = 2 * 32 + 64 + report.body.len();
    #[allow(clippy::cast_precision_loss, reason = "a few hundred thousand bytes")]
    say(
        "upload",
        "bytes",
        &[(joining + reporting) as f64],
        json!({ "join": joining, "report": reporting, "ring_bits": BITS, "parameters": D }),
    );
    Ok(())
}

/// Key to mask to sum, as seconds for 10⁹ bytes of stream.
fn expand(samples: usize) -> Anything<()> {
    let cohort = Cohort::new(2, 1, 41)?;
    let roster = cohort.roster()?;
    let ring = cohort.terms.terms.ring;
    let (device, _) = &cohort.devices[0];
    let view = roster.view(roster.index_of(device.identity()).ok_or("a stranger")?, &cohort.server).ok_or("no view")?;
    let masking = device.clone().mask(&device.check(&view)?, noised(&vector(0))?)?;
    let key = masking.next_key().ok_or("no mask")?;
    let mut sum = vec![1; D];
    let mut own = Vec::new();
    for sample in 0..samples + 5 {
        let (took, ()) = timed(Clock::Cpu, || {
            (0..50).for_each(|_| key.apply(ring, true, &mut sum));
            Ok(())
        })?;
        if sample >= 5 {
            #[allow(clippy::cast_precision_loss, reason = "a few hundred thousand bytes")]
            own.push(took / 50.0 / (D * 3) as f64 * 1e9);
        }
    }
    std::hint::black_box(&sum);
    say("expand", "s/GB", &own, json!({ "bytes_per_number": 3 }));
    Ok(())
}

/// The most memory this process ever held, in MB.
fn peak_rss() -> Anything<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}
