//! What a data set is like, in numbers.

use super::schema::{Clock, Dataset};
use serde::Serialize;
use sottovoce::session::Feedback;
use std::collections::HashSet;
use std::fmt;

/// The numbers of a data set. Rates and shares are from 0 to 1, and absent where the log cannot tell them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// The data set's name.
    pub name: String,
    /// What its times mean: `real`, `order` or `none`.
    pub clock: &'static str,
    /// Rows of the log.
    pub events: usize,
    /// Plays: more than rows where a row counts several.
    pub plays: u64,
    /// Listeners, and how many of them the log knows.
    pub listeners: usize,
    /// Songs of the catalogue.
    pub songs: usize,
    /// Songs that the log holds.
    pub songs_heard: usize,
    /// Artists of the catalogue.
    pub artists: usize,
    /// Pairs of a listener and a song in the log.
    pub pairs: usize,
    /// The share of all pairs of a listener and a song that is not in the log.
    pub sparsity: f64,
    /// The share of plays that return to a song that the same listener had before.
    pub repeat_share: f64,
    /// The share of plays that go to the most played fifth of the catalogue.
    pub head_share: f64,
    /// The share of events that are skips.
    pub skip_rate: f64,
    /// The share of events that are complete plays, likes not among them.
    pub complete_rate: f64,
    /// The share of events that are likes.
    pub like_rate: f64,
    /// The share of events that are dislikes.
    pub dislike_rate: f64,
    /// The mean share heard of a skipped song.
    pub skip_heard: Option<f64>,
    /// Sessions; absent for logs of totals.
    pub sessions: Option<usize>,
    /// Events a session, on the mean.
    pub session_events: Option<f64>,
    /// Days from the first event to the last.
    pub days: Option<f64>,
    /// Events a listener.
    pub events_per_listener: Quantiles,
    /// Attributes a song, on the mean.
    pub attributes_per_song: f64,
    /// Entities of the knowledge graph.
    pub graph_entities: usize,
    /// Relations of the knowledge graph.
    pub graph_relations: usize,
    /// Triples of the knowledge graph.
    pub graph_triples: usize,
    /// Songs that are entities of the graph.
    pub graph_songs: usize,
    /// Pairs of friends.
    pub friends: usize,
    /// SHA-256 of the content.
    pub hash: String,
}

/// Where the values lie, each an actual value (nearest rank).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// The least.
    pub min: usize,
    /// A tenth are at or below.
    pub p10: usize,
    /// Half are at or below.
    pub median: usize,
    /// Nine tenths are at or below.
    pub p90: usize,
    /// The most.
    pub max: usize,
}

impl Quantiles {
    fn of(mut values: Vec<usize>) -> Self {
        values.sort_unstable();
        let at =
            |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
        Self { min: at(0), p10: at(10), median: at(50), p90: at(90), max: at(100) }
    }
}

#[allow(clippy::cast_precision_loss, reason = "shares of counts far below 2⁵³")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Counts.
#[must_use]
pub fn describe(data: &Dataset) -> Description {
    let events = data.events.len() as u64;
    let plays: u64 = data.events.iter().map(|e| u64::from(e.plays)).sum();
    let mut pairs = 0u64;
    let mut sessions = 0usize;
    let mut per_listener = vec![0usize; data.listeners.len()];
    for log in data.events.chunk_by(|a, b| a.listener == b.listener) {
        pairs += log.iter().map(|e| e.song).collect::<HashSet<_>>().len() as u64;
        sessions += log.chunk_by(|a, b| a.session == b.session).count();
        if let Some(count) = per_listener.get_mut(log[0].listener.0 as usize) {
            *count = log.len();
        }
    }
    let mut by_song = vec![0u64; data.songs.len()];
    let (mut counts, mut heard) = ([0u64; 4], 0.0f64);
    for event in &data.events {
        by_song[event.song.0 as usize] += u64::from(event.plays);
        counts[event.feedback.behaviour() as usize] += 1;
        if let Feedback::Skip { heard: share } = event.feedback {
            heard += f64::from(share.get());
        }
    }
    let songs_heard = by_song.iter().filter(|plays| **plays > 0).count();
    by_song.sort_unstable_by(|a, b| b.cmp(a));
    let head: u64 = by_song.iter().take(by_song.len().div_ceil(5)).sum();
    let [skip_rate, complete_rate, like_rate, dislike_rate] = counts.map(|count| share(count, events));
    let sessions = (data.clock != Clock::None).then_some(sessions);
    let (first, last) =
        data.events.iter().fold((u64::MAX, 0), |(first, last), event| (first.min(event.at.0), last.max(event.at.0)));
    let attributes: u64 = data.songs.iter().map(|song| song.attributes.len() as u64).sum();
    Description {
        name: data.name.clone(),
        clock: match data.clock {
            Clock::Real => "real",
            Clock::OrderOnly => "order",
            Clock::None => "none",
        },
        events: data.events.len(),
        plays,
        listeners: data.listeners.len(),
        songs: data.songs.len(),
        songs_heard,
        artists: data.artists.len(),
        pairs: usize::try_from(pairs).unwrap_or(usize::MAX),
        sparsity: 1.0 - share(pairs, data.listeners.len() as u64 * data.songs.len() as u64),
        repeat_share: share(plays.saturating_sub(pairs), plays),
        head_share: share(head, plays),
        skip_rate,
        complete_rate,
        like_rate,
        dislike_rate,
        #[allow(clippy::cast_precision_loss, reason = "a count of events")]
        skip_heard: (counts[0] > 0).then(|| heard / counts[0] as f64),
        sessions,
        session_events: sessions.map(|sessions| share(events, sessions as u64)),
        days: (data.clock == Clock::Real).then(|| share(last.saturating_sub(first), 86_400_000)),
        events_per_listener: Quantiles::of(per_listener),
        attributes_per_song: share(attributes, data.songs.len() as u64),
        graph_entities: data.graph.entities.len(),
        graph_relations: data.graph.relations.len(),
        graph_triples: data.graph.triples.len(),
        graph_songs: data.graph.links.len(),
        friends: data.friends.len(),
        hash: data.content_hash().to_string(),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Description {
    /// A table for people: what, how much, of which unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = match self.clock {
            "real" => "with real times",
            "order" => "in order, without times",
            _ => "as totals, without order",
        };
        writeln!(f, "{} (a log {clock})\n", self.name)?;
        let mut row = |what: &str, value: &str, unit: &str| {
            writeln!(f, "{}", format!("  {what:<24}{value:>14}  {unit}").trim_end())
        };
        let count = |n: usize| grouped(n as u64);
        let percent = |share: f64| {
            // Sparsity lives in the last digits.
            if share > 0.99 && share < 1.0 { format!("{:.3}", 100.0 * share) } else { format!("{:.1}", 100.0 * share) }
        };
        row("events", &count(self.events), "rows of the log")?;
        if self.plays != self.events as u64 {
            row("plays", &grouped(self.plays), "counted by the rows")?;
        }
        row("listeners", &count(self.listeners), "")?;
        row("songs", &count(self.songs), &format!("{} of them heard", count(self.songs_heard)))?;
        row("artists", &count(self.artists), "")?;
        row("sparsity", &percent(self.sparsity), "% of listener × song pairs never met")?;
        row("repeats", &percent(self.repeat_share), "% of plays return to a song")?;
        row("head", &percent(self.head_share), "% of plays go to the top fifth of the songs")?;
        row("skipped", &percent(self.skip_rate), "% of events")?;
        row("complete", &percent(self.complete_rate), "% of events")?;
        row("liked", &percent(self.like_rate), "% of events")?;
        row("disliked", &percent(self.dislike_rate), "% of events")?;
        if let Some(heard) = self.skip_heard {
            row("heard of a skip", &percent(heard), "% of the song, mean")?;
        }
        if let (Some(sessions), Some(mean)) = (self.sessions, self.session_events) {
            row("sessions", &count(sessions), &format!("of {mean:.1} events, mean"))?;
        }
        if let Some(days) = self.days {
            row("span", &format!("{days:.1}"), "days")?;
        }
        let q = self.events_per_listener;
        row(
            "events a listener",
            &count(q.median),
            &format!(
                "median; least {}, 10 % {}, 90 % {}, most {}",
                count(q.min),
                count(q.p10),
                count(q.p90),
                count(q.max)
            ),
        )?;
        row("attributes a song", &format!("{:.1}", self.attributes_per_song), "mean")?;
        if self.graph_triples > 0 {
            row(
                "graph",
                &count(self.graph_triples),
                &format!(
                    "triples of {} entities and {} relations; {} songs linked",
                    count(self.graph_entities),
                    count(self.graph_relations),
                    count(self.graph_songs)
                ),
            )?;
        }
        if self.friends > 0 {
            row("friends", &count(self.friends), "pairs")?;
        }
        write!(f, "\n  content {}", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, synthetic};

    #[test]
    fn a_log_small_enough_to_count_by_hand() {
        let config = SyntheticConfig { listeners: 2, songs: 10, artists: 3, events: 16, ..SyntheticConfig::default() };
        let mut data = synthetic(&config);
        data.events.truncate(4);
        for (event, (song, feedback)) in data.events.iter_mut().zip([
            (0, Feedback::Complete),
            (0, Feedback::Like),
            (1, Feedback::Skip { heard: sottovoce::session::Fraction::new(0.25) }),
            (2, Feedback::Dislike),
        ]) {
            (event.song.0, event.feedback, event.session) = (song, feedback, song / 2);
        }
        let description = describe(&data);
        assert_eq!((description.pairs, description.songs_heard, description.sessions), (3, 3, Some(2)));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(description.sparsity, 0.85) && close(description.repeat_share, 0.25));
        assert!(close(description.head_share, 0.75) && close(description.skip_heard.unwrap(), 0.25));
        assert!(close(description.skip_rate, 0.25) && close(description.like_rate, 0.25));
        assert_eq!(description.events_per_listener, Quantiles { min: 0, p10: 0, median: 0, p90: 4, max: 4 });
    }

    #[test]
    fn the_table_is_aligned_and_counts_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let table = describe(&synthetic(&SyntheticConfig::default())).to_string();
        let rows = table.lines().filter(|line| line.starts_with("  ") && !line.contains("content"));
        for row in rows {
            let value: String = row.chars().skip(26).take(14).collect();
            assert!(value.ends_with(|c: char| c.is_ascii_digit()), "{row:?}");
        }
    }
}
