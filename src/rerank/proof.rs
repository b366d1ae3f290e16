//! Why a slate cannot be had: a count that the listener of a complaint can check with pencil and paper.

use super::fill::Songs;
use crate::ids::ArtistId;
use core::fmt;

/// A proof that no slate of `slots` songs keeps the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Infeasible {
    /// There are not so many songs: all that may come, an artist's no more than its cap allows.
    Songs {
        /// Slots asked for.
        slots: u32,
        /// Songs that may come.
        songs: u32,
    },
    /// One tag is on nearly everything: its cap and all songs without it are fewer than the slots.
    Tag {
        /// The tag.
        tag: u16,
        /// Songs with it.
        songs: u32,
        /// How many of them may come.
        cap: u32,
        /// Songs without it.
        others: u32,
        /// Slots asked for.
        slots: u32,
    },
    /// The pigeonhole: cut the slots into stretches of `gap + 1`; each holds an artist once. However the songs are dealt out, at
    /// most `fit` of them can stand.
    Artist {
        /// The artist with the most songs.
        artist: ArtistId,
        /// How many songs it has.
        songs: u32,
        /// How many of one artist so many slots hold.
        room: u32,
        /// How many artists have more songs than every stretch can take one of.
        crowded: u32,
        /// How many songs can stand, all artists together.
        fit: u32,
        /// Slots asked for.
        slots: u32,
        /// Songs of others asked for between two of one artist.
        gap: u32,
    },
    /// After what was just played, the next `slots` slots need as many different artists, and only `artists` may come there.
    Opening {
        /// Artists that may come in these slots.
        artists: u32,
        /// How many slots these are, counted from the next one.
        slots: u32,
        /// Songs of others asked for between two of one artist.
        gap: u32,
    },
    /// No single count tells: every way of filling the slots was tried.
    Searched {
        /// Slots asked for.
        slots: u32,
        /// Songs of others asked for between two of one artist.
        gap: u32,
    },
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Songs { slots, songs } => write!(f, "{slots} slots, and {songs} songs that may come"),
            Self::Tag { tag, songs, cap, others, slots } => {
                write!(
                    f,
                    "{slots} slots; tag {tag} is on {songs} songs, of which {cap} may come, and {others} have it not"
                )
            }
            Self::Artist { artist, songs, room, fit, slots, gap, .. } => write!(
                f,
                "{slots} slots with {gap} songs of others between hold {room} of one artist; artist {artist} has {songs} songs, \
                 and of all artists together {fit} fit"
            ),
            Self::Opening { artists, slots, gap } => write!(
                f,
                "with {gap} songs of others between, the next {slots} slots need as many artists, and {artists} may come there"
            ),
            Self::Searched { slots, gap } => {
                write!(f, "every way to fill {slots} slots with {gap} songs of others between was tried")
            }
        }
    }
}

/// The line before its first choice: artists and tags by place, what is left of each artist, when it came last.
pub(super) struct Line<'a> {
    pub(super) artists: &'a [ArtistId],
    pub(super) tags: &'a [u16],
    pub(super) left: &'a [u32],
    pub(super) last: &'a [i64],
}

/// The simplest count that proves it; it is known that there is no such slate.
#[allow(clippy::cast_possible_truncation, reason = "slots and candidates are u32")]
pub(super) fn prove(line: &Line<'_>, songs: &Songs, gap: u32, slots: usize) -> Infeasible {
    let slots = slots as u32;
    let all: u32 = line.left.iter().sum();
    if all < slots {
        return Infeasible::Songs { slots, songs: all };
    }
    tag(line, songs, slots)
        .or_else(|| opening(line, gap, slots))
        .or_else(|| pigeonhole(line, gap, slots))
        .unwrap_or(Infeasible::Searched { slots, gap })
}

#[allow(clippy::cast_possible_truncation, reason = "candidates are u32")]
fn count(of: impl Iterator) -> u32 {
    of.count() as u32
}

fn tag(line: &Line<'_>, songs: &Songs, slots: u32) -> Option<Infeasible> {
    let with =
        |tag: usize| (0..songs.len()).filter(move |i| songs.artist(*i).is_some() && songs.tags(*i).any(|t| t == tag));
    let all = count((0..songs.len()).filter(|i| songs.artist(*i).is_some()));
    (0..line.tags.len()).find_map(|tag| {
        let (tagged, cap) = (count(with(tag)), songs.tag_left[tag]);
        let others = all - tagged;
        (cap.min(tagged) + others < slots).then_some(Infeasible::Tag {
            tag: line.tags[tag],
            songs: tagged,
            cap,
            others,
            slots,
        })
    })
}

/// Slots `0..=s` with `s ≤ gap` hold every artist once at most, and only artists that are ready by `s`.
fn opening(line: &Line<'_>, gap: u32, slots: u32) -> Option<Infeasible> {
    (1..=slots.min(gap.saturating_add(1))).find_map(|first| {
        let ready = |(left, last): &(&u32, &i64)| **left > 0 && **last + i64::from(gap) < i64::from(first);
        let artists = count(line.left.iter().zip(line.last).filter(ready));
        (artists < first).then_some(Infeasible::Opening { artists, slots: first, gap })
    })
}

/// With `slots = q·(gap + 1) + r`: `q` whole stretches hold an artist once each, and of the `r` slots that remain each
/// holds one song of an artist that could begin among the first `r`.
fn pigeonhole(line: &Line<'_>, gap: u32, slots: u32) -> Option<Infeasible> {
    let stretch = gap.saturating_add(1);
    let (q, r) = (slots / stretch, slots % stretch);
    let among_first = |last: &i64| *last + i64::from(gap) + 1 < i64::from(r);
    let whole: u32 = line.left.iter().map(|left| (*left).min(q)).sum();
    let more = count(line.left.iter().zip(line.last).filter(|(left, last)| **left > q && among_first(last)));
    let fit = whole + more.min(r);
    let (most, artist) = line.left.iter().zip(line.artists).max_by_key(|(left, _)| **left)?;
    (fit < slots).then_some(Infeasible::Artist {
        artist: *artist,
        songs: *most,
        room: q + u32::from(r > 0),
        crowded: count(line.left.iter().filter(|left| **left > q)),
        fit,
        slots,
        gap,
    })
}
