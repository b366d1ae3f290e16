//! From questions and answers to lines of a report.

use super::{Case, EvalError, Measures, Split, measure, spread};
use crate::progress::{Progress, Report};
use crate::stage::{Candidate, Query};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::ids::SongId;
use std::sync::atomic::{AtomicU64, Ordering};

/// Part of the catalogue, by how many listeners a song has in what was trained on (row M10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// The most heard fifth of the songs that were heard.
    Head,
    /// The next three tenths.
    Mid,
    /// The rest, and songs never heard.
    Tail,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Whose: a channel's name, `merge`, or `log` for what holds for the data.
    pub channel: &'static str,
    /// What: `recall@20`.
    pub metric: String,
    /// Over which part of the catalogue, where not over all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<Segment>,
    /// How much: a mean over listeners, unless the metric's name says otherwise.
    pub value: f64,
    /// Over how many listeners.
    pub listeners: usize,
}

/// One channel's answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whose.
    pub channel: &'static str,
    /// The list asked for [`NEAR`] songs, for the near measures. Deeper where the channel can: ties need it.
    pub near: Vec<Candidate>,
    /// The list asked for [`DEEP`] songs, for the deep measures.
    pub deep: Vec<Candidate>,
}

/// Songs of a page: the near measures' cut.
pub const NEAR: usize = 20;
/// Songs handed to the next stage: the deep measures' cut.
pub const DEEP: usize = 500;
const CUTS: [usize; 2] = [10, NEAR];
const DEEP_CUTS: [usize; 2] = [200, DEEP];

/// What one list of one question is worth.
struct Scored {
    near: [Measures; 2],
    deep: [Measures; 2],
    /// recall@20 and recall@500 within each segment that has a held-out song.
    segments: [Option<(f64, f64)>; 3],
    /// What is on the page.
    page: Vec<SongId>,
}

/// Asks every question and adds up what the answers are worth. `listeners` are the listeners of each song in what was trained
/// on; `channels` names the channels in the order in which `answer` gives their lists.
///
/// # Errors
/// As [`measure`].
pub fn evaluate(
    split: &Split,
    listeners: &[f32],
    channels: &[&'static str],
    answer: &(dyn Fn(&Query) -> Vec<Answer> + Sync),
    report: Report<'_>,
) -> Result<Vec<Line>, EvalError> {
    let segments = segments(listeners);
    let segment_of = |song: &SongId| segments.get(song.0 as usize).copied().unwrap_or(Segment::Tail);
    let done = AtomicU64::new(0);
    let total = split.cases.len() as u64;
    let scored: Result<Vec<Vec<Scored>>, EvalError> = split
        .cases
        .par_iter()
        .map(|case| {
            let query = Query { seeds: case.seeds.clone(), exclude: case.exclude.clone(), k: DEEP };
            let scored = answer(&query).into_iter().map(|answer| score(&answer, case, &segment_of)).collect();
            report(Progress { step: "questions", done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
            scored
        })
        .collect();
    let scored = scored?;
    let mut lines = vec![head_share(listeners, &segments, scored.len())];
    for (place, channel) in channels.iter().enumerate() {
        lines.extend(lines_of(
            channel,
            &scored.iter().filter_map(|s| s.get(place)).collect::<Vec<_>>(),
            listeners.len(),
        ));
    }
    Ok(lines)
}

fn score(answer: &Answer, case: &Case, segment_of: &dyn Fn(&SongId) -> Segment) -> Result<Scored, EvalError> {
    let mut segments = [None; 3];
    for (place, segment) in [Segment::Head, Segment::Mid, Segment::Tail].into_iter().enumerate() {
        let held_out: Vec<SongId> = case.held_out.iter().filter(|song| segment_of(song) == segment).copied().collect();
        if !held_out.is_empty() {
            let [near] = measure(&answer.near, &held_out, [NEAR])?;
            let [deep] = measure(&answer.deep, &held_out, [DEEP])?;
            segments[place] = Some((near.recall, deep.recall));
        }
    }
    Ok(Scored {
        near: measure(&answer.near, &case.held_out, CUTS)?,
        deep: measure(&answer.deep, &case.held_out, DEEP_CUTS)?,
        segments,
        page: answer.near.iter().take(NEAR).map(|c| c.song).collect(),
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts of listeners are far below 2⁵³")]
fn lines_of(channel: &'static str, scored: &[&Scored], songs: usize) -> Vec<Line> {
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
        (if n == 0 { 0.0 } else { sum / n as f64 }, n)
    };
    let mut lines = Vec::new();
    let mut line = |metric: &str, segment, (value, listeners): (f64, usize)| {
        lines.push(Line { channel, metric: metric.to_owned(), segment, value, listeners });
    };
    line("recall@20", None, mean(&mut scored.iter().map(|s| s.near[1].recall)));
    line("ndcg@20", None, mean(&mut scored.iter().map(|s| s.near[1].ndcg)));
    line("hr@10", None, mean(&mut scored.iter().map(|s| s.near[0].hit)));
    line("ndcg@10", None, mean(&mut scored.iter().map(|s| s.near[0].ndcg)));
    line("hr@20", None, mean(&mut scored.iter().map(|s| s.near[1].hit)));
    line("mrr@20", None, mean(&mut scored.iter().map(|s| s.near[1].mrr)));
    line("recall@200", None, mean(&mut scored.iter().map(|s| s.deep[0].recall)));
    line("recall@500", None, mean(&mut scored.iter().map(|s| s.deep[1].recall)));
    for (place, segment) in [Segment::Head, Segment::Mid, Segment::Tail].into_iter().enumerate() {
        line(
            "recall@20",
            Some(segment),
            mean(&mut scored.iter().filter_map(|s| s.segments[place].map(|(near, _)| near))),
        );
        line(
            "recall@500",
            Some(segment),
            mean(&mut scored.iter().filter_map(|s| s.segments[place].map(|(_, deep)| deep))),
        );
    }
    let mut listed = vec![0u32; songs];
    for song in scored.iter().flat_map(|s| &s.page) {
        if let Some(times) = listed.get_mut(song.0 as usize) {
            *times += 1;
        }
    }
    let spread = spread(&listed);
    line("coverage@20", None, (spread.coverage, scored.len()));
    line("gini@20", None, (spread.gini, scored.len()));
    lines
}

/// The segment of each song, from how many listeners each has.
#[must_use]
pub fn segments(listeners: &[f32]) -> Vec<Segment> {
    let mut heard: Vec<usize> = (0..listeners.len()).filter(|song| listeners[*song] > 0.0).collect();
    heard.sort_by(|a, b| listeners[*b].total_cmp(&listeners[*a]).then(a.cmp(b)));
    let mut segments = vec![Segment::Tail; listeners.len()];
    for (rank, song) in heard.iter().enumerate() {
        segments[*song] = match (rank + 1) * 10 {
            rank if rank <= heard.len() * 2 => Segment::Head,
            rank if rank <= heard.len() * 5 => Segment::Mid,
            _ => Segment::Tail,
        };
    }
    segments
}

/// How much of all listening the head takes: the long tail, in one number.
fn head_share(listeners: &[f32], segments: &[Segment], questions: usize) -> Line {
    let sum = |of: &dyn Fn(Segment) -> bool| -> f64 {
        listeners.iter().zip(segments).filter(|(_, s)| of(**s)).map(|(n, _)| f64::from(*n)).sum()
    };
    let value = sum(&|segment| segment == Segment::Head) / sum(&|_| true).max(1.0);
    let metric = "share of listener-song pairs".to_owned();
    Line { channel: "log", metric, segment: Some(Segment::Head), value, listeners: questions }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Graph;
    use crate::data::{Clock, Dataset, ListenerId};
    use crate::progress::quiet;

    fn split() -> Split {
        let train = Dataset {
            name: "by hand".into(),
            songs: vec![],
            artists: vec![],
            listeners: vec![],
            events: vec![],
            clock: Clock::None,
            graph: Graph::default(),
            friends: vec![],
        };
        let case = |listener, held_out: &[u32]| Case {
            listener: ListenerId(listener),
            seeds: vec![(SongId(listener), 1.0)],
            exclude: vec![],
            held_out: held_out.iter().copied().map(SongId).collect(),
        };
        Split { train, cases: vec![case(0, &[1, 9]), case(1, &[2])] }
    }

    #[test]
    fn lines_are_means_over_listeners_and_segments_count_their_own_songs() {
        // Ten songs: 0 and 1 are the head, 2 to 4 the middle, the rest the tail.
        let listeners = [50.0, 40.0, 9.0, 8.0, 7.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let answer = |_: &Query| {
            let list: Vec<Candidate> = [(1u32, 0.9f32), (2, 0.8), (0, 0.1)]
                .map(|(song, score)| Candidate { song: SongId(song), score })
                .to_vec();
            vec![Answer { channel: "a", near: list.clone(), deep: list }]
        };
        let lines = evaluate(&split(), &listeners, &["a"], &answer, &quiet).unwrap();
        let value = |channel: &str, metric: &str, segment| {
            let line =
                lines.iter().find(|l| l.channel == channel && l.metric == metric && l.segment == segment).unwrap();
            (line.value, line.listeners)
        };
        assert_eq!(value("a", "recall@20", None), (0.75, 2));
        assert_eq!(value("a", "recall@20", Some(Segment::Head)), (1.0, 1));
        assert_eq!(value("a", "recall@20", Some(Segment::Mid)), (1.0, 1));
        assert_eq!(value("a", "recall@20", Some(Segment::Tail)), (0.0, 1));
        assert_eq!(value("a", "mrr@20", None), (0.75, 2));
        assert_eq!(value("a", "coverage@20", None), (0.3, 2));
        let share = value("log", "share of listener-song pairs", Some(Segment::Head)).0;
        assert!((share - 90.0 / 119.0).abs() < 1e-12);
    }

    #[test]
    fn one_bad_score_spoils_the_whole_report() {
        let answer = |query: &Query| {
            let score = if query.seeds[0].0 == SongId(1) { f32::NAN } else { 1.0 };
            let list = vec![Candidate { song: SongId(3), score }];
            vec![Answer { channel: "a", near: list.clone(), deep: list }]
        };
        assert!(matches!(evaluate(&split(), &[1.0; 10], &["a"], &answer, &quiet), Err(EvalError::NonFinite { .. })));
    }
}
