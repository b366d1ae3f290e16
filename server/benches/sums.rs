//! What a server that keeps secure rounds bears, on a disk: reports a second that are there for good (`durable_reports`), and ten thousand
//! devices in one round (`round_10k`). Through `federated::secure::Sums` on a SQLite file as the server opens it: write-ahead log,
//! `synchronous = FULL`. `cargo xtask bench rounds` runs it and judges.
//!
//! `cargo bench -p sottovoce-server --bench sums -- durable_reports SAMPLES`, `… -- round_10k PARAMETERS [DEVICES]`.
//! Devices are real ones; their work and the members' is done outside of what is timed.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use serde_json::{Value, json};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::{decode, encode};
use sottovoce::secagg::{
    Digest, Disclosure, Identity, Join, Joined, Joining, Member, Odds, Policy, Prg, Report, Ring, RosterView,
    SignedTerms, Terms, Vote, Voted,
};
use sottovoce_server::federated::secure::{Phase, Rules, Sums, Taken};
use sottovoce_server::state::State;
use sottovoce_server::store::{Isolation, Store};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

type Anything<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const BITS: u8 = 24;
/// So many numbers of three bytes are 100 KiB.
const D_100_KIB: usize = 34_134;
/// Clients that wait for an answer at any time.
const IN_FLIGHT: usize = 64;
/// Devices whose reports lie in memory at once.
const CHUNK: usize = 500;
const MODEL: Digest = Digest([7; 32]);

#[tokio::main]
async fn main() -> Anything<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let line = match words[..] {
        ["durable_reports", samples] => durable_reports(samples.parse()?).await?,
        ["round_10k", d] => round(10_000, d.parse()?).await?,
        ["round_10k", d, n] => round(n.parse()?, d.parse()?).await?,
        ["open", file, round] => open(Path::new(file), RoundId(round.parse()?)).await?,
        // `cargo test` and `cargo bench` start every target without arguments.
        _ => {
            eprintln!("next: cargo bench -p sottovoce-server --bench sums -- durable_reports 5");
            return Ok(());
        }
    };
    println!("{line}");
    Ok(())
}

async fn sums(file: &Path) -> Anything<(State, Store, Sums)> {
    let state = State::open(file).await?;
    let store = Store::from(&state);
    Ok((state, store.clone(), Sums::new(store, Identity::from_seed([3; 32]))))
}

/// A round and all who take part in it.
struct Cohort {
    round: RoundId,
    rules: Rules,
    terms: SignedTerms,
    members: Vec<Member>,
    devices: Vec<(Joined, Vec<u8>)>,
}

impl Cohort {
    /// Opens a round and draws its devices.
    async fn new(sums: &Sums, round: RoundId, n: usize, d: usize, degree: u32, committee: usize) -> Anything<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(round.0);
        let members: Vec<Member> = (0..committee).map(|_| Member::new(&mut rng)).collect();
        for member in &members {
            sums.enlist(Millis(0), &member.enlist(round)).await?;
        }
        let count = u32::try_from(n)?;
        let rules = Rules { cohort: count, least_members: committee, absent_ms: 1000, patience_ms: [100; 3] };
        let terms = Terms {
            round,
            weights: WeightsVersion(1),
            model: MODEL,
            record: Digest::default(),
            dimension: u32::try_from(d)?,
            ring: Ring::new(BITS)?,
            prg: Prg::Aes128Ctr,
            least: count / 2,
            degree,
            threshold: 0,
            seats: Vec::new(),
        };
        assert!(sums.open(Millis(1), &rules, terms, Digest([round.0.to_le_bytes()[0]; 32])).await?);
        let terms = sums.round(round).await?.terms;
        let odds = Odds { corrupt: 0.0, dropout: 0.0, ..Odds::default() };
        let policy = Policy { server: sums.key(), least: 2, seats: 3, odds, last_round: None, seen: None };
        let devices = (0..n as u64)
            .into_par_iter()
            .map(|i| {
                let mut rng = ChaCha20Rng::seed_from_u64(round.0 << 32 | i);
                let (joined, join) = Joining::new(terms.clone(), policy, MODEL)?.join(&mut rng)?;
                Ok((joined, encode(&join)))
            })
            .collect::<Anything<_>>()?;
        Ok(Self { round, rules, terms, members, devices })
    }

    /// Everybody joins; seconds.
    async fn join(&self, sums: &Sums) -> Anything<f64> {
        let joins: Vec<Vec<u8>> = self.devices.iter().map(|(_, join)| join.clone()).collect();
        let round = self.round;
        let send = move |sums: Sums, body: Vec<u8>| async move {
            let join: Join = decode(&body)?;
            Ok(sums.join(round, &join).await?)
        };
        Ok(at_once(sums, joins, send).await?.0)
    }

    /// The reports of some of the devices, and how long the server took over their views.
    async fn reports(&self, sums: &Sums, who: &[usize]) -> Anything<(f64, Vec<Vec<u8>>)> {
        let mut views: Vec<(usize, RosterView)> = Vec::with_capacity(who.len());
        let start = Instant::now();
        for &i in who {
            views.push((i, sums.view(self.round, self.devices[i].0.identity()).await?));
        }
        let seconds = start.elapsed().as_secs_f64();
        let reports = views.into_par_iter().map(|(i, view)| {
            let device = self.devices[i].0.clone();
            let values = vector(i, self.terms.terms.dimension as usize);
            Ok(encode(&device.clone().mask(&device.check(&view)?, noised(&values)?)?.finish()))
        });
        Ok((seconds, reports.collect::<Anything<_>>()?))
    }

    /// Sends reports; seconds, and milliseconds of each.
    async fn report(&self, sums: &Sums, reports: Vec<Vec<u8>>) -> Anything<(f64, Vec<f64>)> {
        let round = self.round;
        let send = move |sums: Sums, body: Vec<u8>| async move {
            let report: Report = decode(&body)?;
            Ok(sums.report(round, &report).await?)
        };
        at_once(sums, reports, send).await
    }
}

/// Sends every body, [`IN_FLIGHT`] of them at any time, each until it is acknowledged. Seconds for all, milliseconds for each.
async fn at_once<F>(
    sums: &Sums,
    bodies: Vec<Vec<u8>>,
    send: impl Fn(Sums, Vec<u8>) -> F + Clone + Send + 'static,
) -> Anything<(f64, Vec<f64>)>
where
    F: Future<Output = Anything<Taken>> + Send + 'static,
{
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (sums, bodies, next, send) = (sums.clone(), Arc::clone(&bodies), Arc::clone(&next), send.clone());
        clients.spawn(async move {
            let mut took = Vec::new();
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let begun = Instant::now();
                let taken = send(sums.clone(), body.clone()).await?;
                assert_eq!(taken, Taken::New);
                took.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            Anything::Ok(took)
        });
    }
    let mut all = Vec::with_capacity(bodies.len());
    while let Some(took) = clients.join_next().await {
        all.extend(took??);
    }
    Ok((start.elapsed().as_secs_f64(), all))
}

/// 100 KiB a report. Each round is a sample; all lie in one file, which grows.
async fn durable_reports(samples: u64) -> Anything<Value> {
    const DEVICES: usize = 1_500;
    let folder = tempfile::tempdir()?;
    let (_state, _store, sums) = sums(&folder.path().join("state.db")).await?;
    let (mut own, mut waited) = (Vec::new(), Vec::new());
    for sample in 1..=samples {
        let cohort = Cohort::new(&sums, RoundId(sample), DEVICES, D_100_KIB, 8, 3).await?;
        cohort.join(&sums).await?;
        assert_eq!(sums.tick(Millis(2), &cohort.rules).await?, Some(Phase::Reporting));
        let everybody: Vec<usize> = (0..DEVICES).collect();
        let (_, reports) = cohort.reports(&sums, &everybody).await?;
        let (seconds, took) = cohort.report(&sums, reports).await?;
        assert_eq!(sums.round(cohort.round).await?.reported as usize, DEVICES);
        #[allow(clippy::cast_precision_loss, reason = "some thousand")]
        own.push(DEVICES as f64 / seconds);
        waited.extend(took);
    }
    waited.sort_by(f64::total_cmp);
    Ok(json!({
        "op": "durable_reports", "unit": "reports/s", "own": own, "report_bytes": D_100_KIB * 3, "in_flight": IN_FLIGHT,
        "answer_median_ms": waited[waited.len() / 2], "answer_p95_ms": waited[waited.len() * 95 / 100],
        "journal": "wal", "synchronous": "full",
    }))
}

/// From the roster's closing to the opened sum, all that the server does.
async fn round(n: usize, d: usize) -> Anything<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("state.db");
    let (state, store, sums) = sums(&file).await?;
    let degree = sottovoce::secagg::degree(n, Odds::default());
    let mut cohort = Cohort::new(&sums, RoundId(1), n, d, u32::try_from(degree)?, 41).await?;
    let (round, rules) = (cohort.round, cohort.rules);
    say(n, "devices have drawn their keys");
    let joining = cohort.join(&sums).await?;
    say(n, "devices have joined");

    let begun = Instant::now();
    assert_eq!(sums.tick(Millis(2), &rules).await?, Some(Phase::Reporting));
    sums.view(round, cohort.devices[0].0.identity()).await?; // who asks first waits for the roster
    let closing = begun.elapsed().as_secs_f64();

    let reporting: Vec<usize> = (0..n).filter(|i| i % 10 != 3).collect();
    let (mut viewing, mut taking) = (0.0, 0.0);
    let mut plain = vec![0i64; d];
    for who in reporting.chunks(CHUNK) {
        for &i in who {
            plain.iter_mut().zip(vector(i, d)).for_each(|(sum, value)| *sum += i64::from(value));
        }
        let (views, reports) = cohort.reports(&sums, who).await?;
        viewing += views;
        taking += cohort.report(&sums, reports).await?.0;
    }
    say(reporting.len(), "have reported");

    let begun = Instant::now();
    assert_eq!(sums.tick(Millis(1_000), &rules).await?, Some(Phase::Opening));
    let question = sums.question(round).await?;
    let mut settling = begun.elapsed().as_secs_f64();
    let (terms, server) = (cohort.terms.clone(), sums.key());
    let votes: Vec<(Voted, Vote)> = cohort
        .members
        .par_iter_mut()
        .map(|member| {
            let (entries, split) = (question.entries.clone(), question.split.clone());
            Ok(member.seat(terms.clone(), server)?.vote(member, entries, question.beacon, split)?)
        })
        .collect::<Anything<_>>()?;
    let begun = Instant::now();
    for (_, vote) in &votes {
        sums.vote(round, vote).await?;
    }
    let signed = sums.votes(round).await?.votes;
    settling += begun.elapsed().as_secs_f64();
    let disclosures: Vec<Disclosure> = votes
        .into_par_iter()
        .zip(&cohort.members)
        .map(|((voted, _), member)| Ok(voted.disclose(member, &signed)?))
        .collect::<Anything<_>>()?;
    let begun = Instant::now();
    for disclosure in &disclosures {
        sums.disclose(round, disclosure).await?;
    }
    settling += begun.elapsed().as_secs_f64();
    say(disclosures.len(), "members have disclosed");
    drop((cohort, disclosures, question, sums, store));
    state.close().await;

    // In a process of its own: another coordinator, which knows only the store, and whose memory is the server's alone.
    let opened = std::process::Command::new(std::env::current_exe()?).arg("open").arg(&file).arg("1").output()?;
    let opened: Value = serde_json::from_slice(&opened.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&opened.stderr)))?;
    assert_eq!(opened["devices"], reporting.len());
    let plain: Vec<i32> = plain.into_iter().map(i32::try_from).collect::<Result<_, _>>()?;
    assert_eq!(opened["sum"], json!(name(&plain)), "the sum is not the plain one");
    let part = |name: &str| opened[name].as_f64().ok_or_else(|| format!("no {name}"));
    let opening = part("opening_s")?;
    Ok(json!({
        "op": "round_10k", "unit": "s", "own": [closing + viewing + taking + settling + opening],
        "devices": n, "parameters": d, "neighbours": degree, "reported": reporting.len(), "joining_s": joining,
        "closing_s": closing, "views_s": viewing, "reports_s": taking, "settling_s": settling, "opening_s": opening,
        "opening_cpu_s": part("opening_cpu_s")?, "forgetting_s": part("forgetting_s")?, "peak_rss_mb": part("peak_rss_mb")?, "rss_before_mb": part("rss_before_mb")?,
    }))
}

/// Opens a round's sum and ends the round.
async fn open(file: &Path, round: RoundId) -> Anything<Value> {
    let (state, store, sums) = sums(file).await?;
    let before = memory("VmRSS")?;
    let (begun, computed) = (Instant::now(), processor()?);
    let opened = sums.opened(round).await?.ok_or("it does not open")?;
    let (opening, computed) = (begun.elapsed().as_secs_f64(), processor()? - computed);
    let peak = memory("VmHWM")?;
    let begun = Instant::now();
    let mut write = store.write(Isolation::Swap).await?;
    assert!(sums.finish(&mut write, Millis(2_000), round).await?);
    write.commit().await?;
    let forgetting = begun.elapsed().as_secs_f64();
    state.close().await;
    Ok(json!({
        "devices": opened.devices, "sum": name(&opened.sum), "opening_s": opening, "opening_cpu_s": computed,
        "forgetting_s": forgetting, "peak_rss_mb": peak, "rss_before_mb": before,
    }))
}

fn say(n: usize, what: &str) {
    eprintln!("{n} {what}");
}

fn name(sum: &[i32]) -> String {
    let bytes: Vec<u8> = sum.iter().flat_map(|value| value.to_le_bytes()).collect();
    Digest::of(&bytes).0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vector(seed: usize, d: usize) -> Vec<i32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed as u64);
    (0..d).map(|_| (rng.next_u32() % 1024).cast_signed() - 512).collect()
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Anything<Noised> {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1)?, values.len())?;
    let pending = Account::new(Budget::new(f64::INFINITY, 1e-9)?).charge(plan)?;
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored)?;
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    Ok(gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise)?)
}

/// A line of `/proc/self/status`, in MB.
fn memory(name: &str) -> Anything<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}

/// Seconds that all cores together have worked for this process, in steps of 10 ms.
fn processor() -> Anything<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().ok_or("no fields")?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or("no ticks");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
