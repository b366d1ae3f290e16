//! The slate: songs in order, none twice, each with why it is there.

use super::proof::Infeasible;
use crate::ids::SongId;

/// What spoke most for a song.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Why {
    /// What the listener likes in the long run.
    #[default]
    Taste = 0,
    /// What was finished, liked and skipped just now.
    ThisSession = 1,
    /// It has had few chances yet.
    Fresh = 2,
    /// Many like it.
    Popular = 3,
    /// It is unlike its neighbours: better-scored songs were passed over for it.
    Variety = 4,
    /// Whoever runs the service gave it more weight.
    Boosted = 5,
}

/// What the rules did to a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RuleNote {
    /// So many candidates would have come first, had a rule not refused them.
    PassedOver {
        /// How many.
        refused: u32,
    },
    /// No slate of this length keeps the artist gap; this song stands closer to one by the same artist.
    GapRelaxed {
        /// Songs of others between the two.
        kept: u32,
        /// Songs of others that the rule asks for.
        wanted: u32,
    },
}

/// Why a song is where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reason {
    /// What spoke most for it.
    pub why: Why,
    /// What the rules did.
    pub rule: Option<RuleNote>,
}

impl Reason {
    /// A short line for the listener.
    #[must_use]
    pub fn headline(self) -> &'static str {
        match (self.rule, self.why) {
            (Some(RuleNote::GapRelaxed { .. }), _) => "The same artist again: little else was left",
            (_, Why::Taste) => "Close to what you love",
            (_, Why::ThisSession) => "Fits what you are hearing now",
            (_, Why::Fresh) => "Few have heard it yet",
            (_, Why::Popular) => "Loved by many",
            (_, Why::Variety) => "For a change",
            (_, Why::Boosted) => "Brought forward by this service",
        }
    }
}

/// A song in a slate with what it got its place for. The parts are as they entered the score, weights included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Placement {
    /// Which song.
    pub song: SongId,
    /// Its place, from 0.
    pub slot: u16,
    /// Its index among the candidates.
    pub candidate: u32,
    /// From the user tower.
    pub relevance: f32,
    /// From this session's memory.
    pub session: f32,
    /// From popularity.
    pub popularity: f32,
    /// From exploring.
    pub explore: f32,
    /// The traffic weight its quality was multiplied by; 1 is none.
    pub weight: f32,
    /// How much score was passed over for it: the best score that was still to be had minus its own, 0 for the best itself.
    pub forgone: f32,
    /// How far it is from what stands before it: 1 where nothing is like it, near 0 for a copy.
    pub diversity: f32,
    /// What spoke most for it.
    pub why: Why,
    /// What the rules did.
    pub rule: Option<RuleNote>,
}

impl Placement {
    /// Why it is there.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason { why: self.why, rule: self.rule }
    }

    /// The whole score before diversity.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.relevance + self.session + self.popularity + self.explore
    }
}

/// Songs in order, none twice. Only [`super::Reranker`] fills one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Slate {
    placements: Vec<Placement>,
    wanted: usize,
    too_few: Option<Infeasible>,
    too_close: Option<Infeasible>,
}

impl Slate {
    /// Empties it for `wanted` songs.
    pub(super) fn start(&mut self, wanted: usize) {
        self.placements.clear();
        self.wanted = wanted;
        (self.too_few, self.too_close) = (None, None);
    }

    /// Keeps why it is shorter than wanted, and why songs of one artist stand closer than the gap.
    pub(super) fn prove(&mut self, too_few: Option<Infeasible>, too_close: Option<Infeasible>) {
        (self.too_few, self.too_close) = (too_few, too_close);
    }

    /// Gives the next slot to the song; a song that is already here is refused, and so is one beyond 2¹⁶.
    pub(super) fn push(&mut self, placement: Placement) -> bool {
        let Ok(slot) = u16::try_from(self.placements.len()) else { return false };
        let new = !self.contains(placement.song);
        if new {
            self.placements.push(Placement { slot, ..placement });
        }
        new
    }

    /// Whether the song is in it.
    #[must_use]
    pub fn contains(&self, song: SongId) -> bool {
        self.placements.iter().any(|p| p.song == song)
    }

    /// The songs with their reasons, in order.
    #[must_use]
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// The songs alone, in order.
    pub fn songs(&self) -> impl ExactSizeIterator<Item = SongId> {
        self.placements.iter().map(|p| p.song)
    }

    /// How many songs it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.placements.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.placements.is_empty()
    }

    /// How many songs fewer than asked for: no more could be had within the rules.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.wanted - self.placements.len()
    }

    /// Why there are not as many songs as wanted, where that was proved.
    #[must_use]
    pub fn too_few(&self) -> Option<Infeasible> {
        self.too_few
    }

    /// Why the artist gap could not be kept everywhere, where that was proved.
    #[must_use]
    pub fn too_close(&self) -> Option<Infeasible> {
        self.too_close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(song: u32) -> Placement {
        Placement {
            song: SongId(song),
            slot: 99,
            candidate: 0,
            relevance: 0.5,
            session: 0.25,
            popularity: 0.0,
            explore: -0.25,
            weight: 1.0,
            forgone: 0.0,
            diversity: 1.0,
            why: Why::Taste,
            rule: None,
        }
    }

    #[test]
    fn no_song_twice_and_slots_count_up() {
        let mut slate = Slate::default();
        slate.start(5);
        assert!(slate.push(placement(3)) && slate.push(placement(1)) && !slate.push(placement(3)));
        assert!(slate.songs().eq([SongId(3), SongId(1)]));
        assert!(slate.placements().iter().map(|p| p.slot).eq([0, 1]));
        assert_eq!((slate.len(), slate.missing()), (2, 3));
        assert!((slate.placements()[0].score() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_relaxed_gap_is_said_first() {
        let relaxed = Reason { why: Why::Popular, rule: Some(RuleNote::GapRelaxed { kept: 0, wanted: 2 }) };
        assert!(relaxed.headline().contains("same artist"));
        let passed = Reason { why: Why::Popular, rule: Some(RuleNote::PassedOver { refused: 3 }) };
        assert_eq!(passed.headline(), "Loved by many");
    }
}
