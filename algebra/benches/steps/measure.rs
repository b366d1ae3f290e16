//! Running steps for a while, and what they cost.

use crate::clock::{cpu, peak};
use crate::peer::Same;
use sottovoce_algebra::noise;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

/// Batches that are taken in turn.
pub(crate) const BATCHES: usize = 8;

pub(crate) struct Settings {
    pub(crate) json: bool,
    pub(crate) only: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) data: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn skips(&self, op: &str) -> bool {
        self.only.as_ref().is_some_and(|only| only != op)
    }
}

/// Runs steps for a while and prints what they cost; `units` are done in each.
pub(crate) fn measure(
    settings: &Settings,
    op: &str,
    (unit, units): (&str, usize),
    same: Option<Same>,
    mut step: impl FnMut(usize) -> Result<f32, Box<dyn Error + Send + Sync>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut first = 0.0;
    for i in 0..BATCHES {
        let loss = step(i)?;
        first = if i == 0 { loss } else { first };
    }
    let (mut times, start, start_cpu, mut loss) = (Vec::new(), Instant::now(), cpu(), 0.0);
    while start.elapsed().as_secs_f64() < settings.seconds {
        let begin = Instant::now();
        loss = step(times.len() % BATCHES)?;
        times.push(begin.elapsed().as_secs_f64());
    }
    let cpu = (cpu() - start_cpu) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let at = |tenth: usize| 1e3 * times[(times.len() - 1) * tenth / 10];
    let (low, median, high) = (at(1), at(5), at(9));
    let (rate, a_core, cpu) = (1e3 * units as f64 / median, units as f64 / cpu, 1e3 * cpu);
    let (threads, peak, n) = (rayon::current_num_threads(), peak(), times.len());
    if settings.json {
        let same = same.map_or("null".to_owned(), |same| same.json());
        println!(
            "{{\"bench\":\"training\",\"op\":\"{op}\",\"unit\":\"{unit}/s\",\"rate\":{rate:.0},\"a_cpu_second\":{a_core:.0},\"step_ms\":{median:.5},\
             \"spread_ms\":[{low:.5},{high:.5}],\"cpu_ms\":{cpu:.5},\"steps\":{n},\"threads\":{threads},\"peak_rss_mb\":{peak:.1},\
             \"first_loss\":{first},\"loss\":{loss},\"same\":{same}}}"
        );
    } else {
        println!(
            "{op:<18} {rate:>12.0} {unit}/s  {median:>9.4} ms a step ({low:.4} to {high:.4}), {cpu:.4} ms of CPU, {threads} threads, {peak:.0} MB, loss \
             {first:.5} to {loss:.5}"
        );
        if let Some(same) = same {
            println!("{:18} {}", "", same.json());
        }
    }
    Ok(())
}

pub(crate) fn uniform(n: usize, seed: u64) -> impl Iterator<Item = f32> {
    (0u64..).take(n).map(move |i| noise::uniform(seed, i))
}
