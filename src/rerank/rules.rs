//! What must not follow what (row Z1): a song never twice, an artist not again within a gap, an artist or a tag not more often
//! than a cap.
//!
//! **Order of relaxing.** Never: the excluded songs, a song twice, the caps. Where these leave fewer songs than asked for, the
//! slate is shorter. The gap gives way, one slot at a time, only when the longest possible slate cannot be had with it: first
//! every larger gap is tried at that slot, and never is a gap smaller than the largest `g*` with which the slate can be filled.
//! What had to give way comes with a proof ([`Infeasible`]).
//!
//! **Looking ahead.** A greedy choice could use up the artists that later slots need apart. So a candidate is allowed only if
//! the rest of the slate can still be filled with gap `g*` afterwards. Songs of one artist are interchangeable for this, so
//! the question is whether `r` slots can be filled from artists with `left_a` songs each, of which some may not come before
//! a certain slot. Taking at each slot, among the artists that may come, one with the most songs left answers it:
//!
//! *Proof.* Let a filling place `b` first though `a` may come and `left_a ≥ left_b`. Read its `a`s and `b`s in order and count
//! #b − #a. If the count never falls to −1, all `a`s and `b`s can change names: `a` then comes as often as `b` did, at most
//! `left_b ≤ left_a` times, and `b` no more often than `a` did with #a ≤ #b ≤ `left_b`. Otherwise stop right before the `a` that
//! brings it to −1: until there both came equally often, the last one was an `a` (the count came down to 0), at slot t, and
//! the next one is an `a` at t' ≥ t + g + 1. Change names up to t only. What is now `a` before t ends earlier than t, so it keeps
//! its distance to t'; what is now `b` ends at t, and the next `b` comes after t'. No count changes. So a filling that places
//! `a` first exists too. ∎
//!
//! **Tags.** Under a cap on tags the songs of one artist are no longer interchangeable, and with several tags a song the question is
//! set packing. `fill.rs` searches for a filling and stops after so much work. A search that ends by itself is an answer,
//! one that was stopped is none: the slate is then made without looking ahead for tags, within the caps, and nothing is claimed.

use super::fill::{Answer, Songs, search};
use super::places::{NONE, Places};
use super::proof::{Infeasible, Line, prove};
use crate::ids::{ArtistId, SongId};

/// What must not follow what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleConfig {
    /// At least so many songs of others stand between two of one artist.
    pub artist_gap: u32,
    /// At most so many songs of one artist in a slate.
    pub max_per_artist: Option<u32>,
    /// At most so many songs with one tag in a slate, where the candidates have tags.
    pub max_per_tag: Option<u32>,
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self { artist_gap: 2, max_per_artist: None, max_per_tag: None }
    }
}

/// A slot before any that matters.
const NEVER: i64 = i64::MIN / 2;

/// No tag, in a column of tags.
pub(super) const NO_TAG: u16 = u16::MAX;

/// The rules along one slate; its storage is used again by the next [`Rules::start`].
///
/// # Example
/// ```
/// use sottovoce::{ids::*, rerank::{RuleConfig, Rules}};
/// let songs = [SongId(1), SongId(2), SongId(3)];
/// let artists = [ArtistId(7), ArtistId(7), ArtistId(8)];
/// let mut rules = Rules::default();
/// let config = RuleConfig { artist_gap: 1, ..RuleConfig::default() };
/// assert_eq!(rules.start(config, &songs, &artists, &[], 3, &mut |_| true), 3);
/// assert!(!rules.allows(2, 1), "7, 7 could not follow with a gap");
/// assert!(rules.allows(0, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    config: RuleConfig,
    songs: Songs,
    /// Artists of the candidates, in order of appearance.
    artists: Vec<ArtistId>,
    /// The tag of each place in `songs.tag_left`.
    tags: Vec<u16>,
    /// How many songs of each artist may still come: the smaller of `songs.songs_left` and `songs.cap_left`.
    left: Vec<u32>,
    /// The slot at which each came last.
    last: Vec<i64>,
    /// Whether the rest can be filled after choosing each artist (each candidate under tags), as far as asked at this slot.
    completes: Vec<Option<bool>>,
    /// Artists with songs left.
    open: usize,
    /// The next slot.
    slot: i64,
    /// How many slots will be filled.
    target: usize,
    /// The configured gap, as far as the line is long enough to tell.
    full_gap: u32,
    /// `g*`.
    kept_gap: u32,
    /// Whether searching for tags has been answering so far.
    searching: bool,
    too_few: Option<Infeasible>,
    too_close: Option<Infeasible>,
    places: [Vec<u32>; 3],
    /// Songs left, first slot allowed: of each open artist.
    queue: Vec<(u32, i64)>,
}

impl Rules {
    /// Begins a slate of up to `k` songs after those by the artists `before` (oldest first), from candidates of which only
    /// the `usable` may come. Answers how many slots will be filled: `k`, or fewer if there are not so many songs. Of a song that
    /// is a candidate twice, the first counts.
    pub fn start(
        &mut self,
        config: RuleConfig,
        songs: &[SongId],
        artists: &[ArtistId],
        before: &[ArtistId],
        k: usize,
        usable: &mut dyn FnMut(usize) -> bool,
    ) -> usize {
        self.start_with(config, songs, artists, &[], before, k, usable)
    }

    /// As [`Rules::start`], with columns of tags: a song has at most one in each column, and the same number is the same tag in
    /// every column. `u16::MAX`, or beyond the column's end, is no tag.
    #[allow(clippy::too_many_arguments, reason = "every input is explicit; bundling them would only hide two of them")]
    pub fn start_with(
        &mut self,
        config: RuleConfig,
        songs: &[SongId],
        artists: &[ArtistId],
        tags: &[&[u16]],
        before: &[ArtistId],
        k: usize,
        usable: &mut dyn FnMut(usize) -> bool,
    ) -> usize {
        let n = songs.len().min(artists.len());
        // The page's smaller engine carries neither tags nor proofs.
        let tags = if cfg!(feature = "full") && config.max_per_tag.is_some() { tags } else { &[] };
        self.config = config;
        self.songs.start(n, tags.len());
        self.artists.clear();
        self.tags.clear();
        self.left.clear();
        let [artist_places, song_places, tag_places] = &mut self.places;
        let (mut artist_of, mut seen) = (Places::over(artist_places, n), Places::over(song_places, n));
        let mut tag_of = Places::over(tag_places, if tags.is_empty() { 0 } else { n * tags.len() });
        for (i, (song, artist)) in (0u32..).zip(songs.iter().zip(artists)) {
            let fresh = |at: u32| songs[at as usize] == *song;
            if !usable(i as usize) || seen.find_or_put(song.0, i, fresh) != i {
                continue;
            }
            #[allow(clippy::cast_possible_truncation, reason = "at most as many as candidates, which are u32")]
            let next = self.artists.len() as u32;
            let a = artist_of.find_or_put(artist.0, next, |at| self.artists[at as usize] == *artist);
            if a == next {
                self.artists.push(*artist);
                self.songs.add_artist(config.max_per_artist.unwrap_or(u32::MAX));
            }
            for (column, tags) in tags.iter().enumerate() {
                let tag = tags.get(i as usize).copied().unwrap_or(NO_TAG);
                if tag == NO_TAG {
                    continue;
                }
                #[allow(clippy::cast_possible_truncation, reason = "at most as many as there are tags")]
                let next = self.tags.len() as u32;
                let t = tag_of.find_or_put(tag.into(), next, |at| self.tags[at as usize] == tag);
                if t == next {
                    self.tags.push(tag);
                    self.songs.tag_left.push(config.max_per_tag.unwrap_or(u32::MAX));
                }
                self.songs.set_tag(i as usize, column, t);
            }
            self.songs.add(i as usize, a);
        }
        if cfg!(feature = "full") && config.max_per_tag == Some(0) {
            self.songs.drop_tagged();
        }
        self.songs.group();
        self.left.extend((0..self.artists.len()).map(|a| self.songs.left(a)));
        self.open = self.left.iter().filter(|left| **left > 0).count();
        self.slot = 0;
        self.last.clear();
        self.last.resize(self.artists.len(), NEVER);
        for (back, artist) in (1i64..).zip(before.iter().rev()).take(config.artist_gap as usize) {
            let a = artist_of.find_or_put(artist.0, NONE, |at| self.artists.get(at as usize) == Some(artist)) as usize;
            if let Some(last) = self.last.get_mut(a) {
                *last = (*last).max(-back);
            }
        }
        self.searching = cfg!(feature = "full") && self.songs.tagged();
        self.forget_answers();
        let most = self.songs_left().min(k);
        self.target = (0..=most).rev().find(|slots| self.can_fill(0, None, *slots)).unwrap_or(0);
        // Beyond the whole line, a larger gap asks for nothing more.
        let line = u32::try_from(before.len().saturating_add(self.target)).unwrap_or(u32::MAX);
        self.full_gap = config.artist_gap.min(line);
        self.kept_gap = (0..=self.full_gap).rev().find(|gap| self.can_fill(*gap, None, self.target)).unwrap_or(0);
        (self.too_few, self.too_close) = (None, None);
        if !cfg!(feature = "full") {
            return self.target;
        }
        self.too_few = (self.target < k).then(|| self.proof(0, self.target + 1)).flatten();
        self.too_close = (self.kept_gap < self.full_gap).then(|| self.proof(self.kept_gap + 1, self.target)).flatten();
        self.target
    }

    /// The gap with which the slate can be filled: the configured one (as far as there is anything so far apart), or the
    /// largest below it.
    #[must_use]
    pub fn kept_gap(&self) -> u32 {
        self.kept_gap
    }

    /// How many slots will be filled.
    #[must_use]
    pub fn target(&self) -> usize {
        self.target
    }

    /// Why the slate is shorter than asked for; `None` if it is not, or if that could not be proved.
    #[must_use]
    pub fn too_few(&self) -> Option<Infeasible> {
        self.too_few
    }

    /// Why a gap larger than [`Rules::kept_gap`] cannot be kept; `None` if the configured one is, or if that could not be proved.
    #[must_use]
    pub fn too_close(&self) -> Option<Infeasible> {
        self.too_close
    }

    /// The gaps to try at a slot: the configured one first, [`Rules::kept_gap`] last.
    pub fn gaps(&self) -> impl Iterator<Item = u32> + use<> {
        (self.kept_gap..=self.full_gap).rev()
    }

    /// Whether the candidate may take the next slot with `gap` songs of others before it, so that the rest can still be
    /// filled.
    pub fn allows(&mut self, candidate: usize, gap: u32) -> bool {
        let Some(a) = self.songs.artist(candidate) else { return false };
        if self.left[a] == 0 || self.last[a] + i64::from(gap) >= self.slot {
            return false;
        }
        let asked = if self.songs.tagged() { candidate } else { a };
        if let Some(known) = self.completes[asked] {
            return known;
        }
        let rest = self.target.saturating_sub(usize::try_from(self.slot).unwrap_or(0) + 1);
        let answer = self.can_fill(self.kept_gap, Some(candidate), rest);
        self.completes[asked] = Some(answer);
        answer
    }

    /// Asks for less, where nothing is allowed: a smaller gap, then a shorter slate. Only a slate under tags whose search was
    /// stopped ever needs it. Answers false if there is nothing less to ask for.
    pub fn retreat(&mut self) -> bool {
        let after = usize::try_from(self.slot).unwrap_or(0) + 1;
        if !self.songs.tagged() || self.target < after {
            return false;
        }
        if self.kept_gap > 0 {
            self.kept_gap -= 1;
        } else {
            self.target -= 1;
        }
        self.forget_answers();
        true
    }

    /// Gives the next slot to the candidate. Answers how many songs of others stand between it and the artist's song before
    /// it, if that is less than the configured gap.
    pub fn choose(&mut self, candidate: usize) -> Option<u32> {
        let a = self.songs.artist(candidate)?;
        let between = u32::try_from(self.slot - self.last[a] - 1).unwrap_or(u32::MAX);
        let exhausted = self.songs.take(candidate);
        if exhausted {
            for (b, left) in self.left.iter_mut().enumerate() {
                *left = self.songs.left(b);
            }
            self.open = self.left.iter().filter(|left| **left > 0).count();
        } else {
            self.left[a] = self.left[a].saturating_sub(1);
            self.open -= usize::from(self.left[a] == 0);
        }
        self.last[a] = self.slot;
        self.slot += 1;
        self.forget_answers();
        (between < self.config.artist_gap).then_some(between)
    }

    fn forget_answers(&mut self) {
        self.completes.clear();
        self.completes.resize(if self.songs.tagged() { self.songs.len() } else { self.artists.len() }, None);
    }

    fn songs_left(&self) -> usize {
        let left: u64 = self.left.iter().map(|left| u64::from(*left)).sum();
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Whether `slots` slots can be filled with `gap`, after giving the next one to `first` if there is one.
    fn can_fill(&mut self, gap: u32, first: Option<usize>, slots: usize) -> bool {
        let artist = first.and_then(|candidate| self.songs.artist(candidate));
        if !self.artists_fill(gap, artist, slots) || self.songs.tag_room() < slots + usize::from(first.is_some()) {
            return false;
        }
        if !cfg!(feature = "full") || !self.searching {
            return true;
        }
        match search(&mut self.songs, &mut self.last, self.slot, gap, first, slots) {
            Answer::Yes => true,
            Answer::No => false,
            Answer::Stopped => {
                self.searching = false;
                true
            }
        }
    }

    /// As [`Rules::can_fill`] if tags did not matter, by the greedy of this file's head.
    fn artists_fill(&mut self, gap: u32, first: Option<usize>, slots: usize) -> bool {
        // With one open artist a slot, besides those that may have to wait, there is nothing to work out.
        if self.open.saturating_sub(gap as usize + 1) >= slots {
            return true;
        }
        let gap = i64::from(gap);
        self.queue.clear();
        for (a, (left, last)) in self.left.iter().zip(&self.last).enumerate() {
            let chosen = first == Some(a);
            let (left, last) = if chosen { (left - 1, self.slot) } else { (*left, *last) };
            if left > 0 {
                self.queue.push((left, last + gap + 1));
            }
        }
        let start = self.slot + i64::from(first.is_some());
        (start..).take(slots).all(|slot| {
            let most =
                self.queue.iter_mut().filter(|(left, ready)| *left > 0 && *ready <= slot).max_by_key(|(left, _)| *left);
            most.map(|(left, ready)| (*left, *ready) = (*left - 1, slot + gap + 1)).is_some()
        })
    }

    /// Where the storage lies, for a test.
    #[cfg(test)]
    pub(super) fn storage(&self) -> [*const u32; 5] {
        let [a, b, c] = &self.places;
        [self.left.as_ptr(), a.as_ptr(), b.as_ptr(), c.as_ptr(), self.songs.tag_left.as_ptr()]
    }

    /// Why the whole slate cannot have `slots` songs with `gap`; asked before the first choice.
    fn proof(&mut self, gap: u32, slots: usize) -> Option<Infeasible> {
        let counted = !self.artists_fill(gap, None, slots) || self.songs.tag_room() < slots;
        let proved = counted || !self.songs.tagged() || self.searching;
        let line = Line { artists: &self.artists, tags: &self.tags, left: &self.left, last: &self.last };
        proved.then(|| prove(&line, &self.songs, gap, slots))
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
#[path = "rules_tests.rs"]
mod tests;
