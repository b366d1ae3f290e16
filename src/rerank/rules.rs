//! What must not follow what (row Z1): a song never twice, an artist not again within a gap, and not more often than a cap.
//!
//! **Order of relaxing.** Never: the excluded songs, a song twice, the cap. Where these leave fewer songs than asked for, the
//! slate is shorter. The gap gives way, one slot at a time, only when the longest possible slate cannot be had with it: first
//! every larger gap is tried at that slot, and never is a gap smaller than the largest `g*` with which the slate can be filled.
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

use crate::ids::{ArtistId, SongId};

/// What must not follow what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleConfig {
    /// At least so many songs of others stand between two of one artist.
    pub artist_gap: u32,
    /// At most so many songs of one artist in a slate.
    pub max_per_artist: Option<u32>,
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self { artist_gap: 2, max_per_artist: None }
    }
}

/// No artist: an excluded candidate.
const NONE: u32 = u32::MAX;
/// A slot before any that matters.
const NEVER: i64 = i64::MIN / 2;

/// The rules along one slate; its storage is used again by the next [`Rules::start`].
///
/// # Example
/// ```
/// use sottovoce::{ids::*, rerank::{RuleConfig, Rules}};
/// let songs = [SongId(1), SongId(2), SongId(3)];
/// let artists = [ArtistId(7), ArtistId(7), ArtistId(8)];
/// let mut rules = Rules::default();
/// let config = RuleConfig { artist_gap: 1, max_per_artist: None };
/// assert_eq!(rules.start(config, &songs, &artists, &[], 3, &mut |_| true), 3);
/// assert!(!rules.allows(2, 1), "7, 7 could not follow with a gap");
/// assert!(rules.allows(0, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    config: RuleConfig,
    /// The candidate's artist as a place in `artists`.
    of: Vec<u32>,
    /// Artists of the candidates, in order of appearance.
    artists: Vec<ArtistId>,
    /// How many songs of each may still come.
    left: Vec<u32>,
    /// The slot at which each came last.
    last: Vec<i64>,
    /// Whether the rest can be filled after choosing each, as far as asked at this slot.
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
    artist_places: Vec<u32>,
    song_places: Vec<u32>,
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
        let n = songs.len().min(artists.len());
        self.config = config;
        self.of.clear();
        self.of.resize(n, NONE);
        self.artists.clear();
        self.left.clear();
        let cap = config.max_per_artist.unwrap_or(u32::MAX);
        let (mut artist_of, mut seen) =
            (Places::over(&mut self.artist_places, n), Places::over(&mut self.song_places, n));
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
                self.left.push(0);
            }
            self.of[i as usize] = a;
            self.left[a as usize] = (self.left[a as usize] + 1).min(cap);
        }
        self.open = self.left.iter().filter(|left| **left > 0).count();
        let songs_left: u64 = self.left.iter().map(|left| u64::from(*left)).sum();
        self.target = usize::try_from(songs_left).unwrap_or(usize::MAX).min(k);
        self.slot = 0;
        self.last.clear();
        self.last.resize(self.artists.len(), NEVER);
        for (back, artist) in (1i64..).zip(before.iter().rev()).take(config.artist_gap as usize) {
            let a = artist_of.find_or_put(artist.0, NONE, |at| self.artists.get(at as usize) == Some(artist)) as usize;
            if let Some(last) = self.last.get_mut(a) {
                *last = (*last).max(-back);
            }
        }
        self.forget_answers();
        // Beyond the whole line, a larger gap asks for nothing more.
        let line = u32::try_from(before.len().saturating_add(self.target)).unwrap_or(u32::MAX);
        self.full_gap = config.artist_gap.min(line);
        self.kept_gap = (0..=self.full_gap).rev().find(|gap| self.can_fill(*gap, None, self.target)).unwrap_or(0);
        self.target
    }

    /// The gap with which the slate can be filled: the configured one (as far as there is anything so far apart), or the
    /// largest below it.
    #[must_use]
    pub fn kept_gap(&self) -> u32 {
        self.kept_gap
    }

    /// The gaps to try at a slot: the configured one first, [`Rules::kept_gap`] last.
    pub fn gaps(&self) -> impl Iterator<Item = u32> + use<> {
        (self.kept_gap..=self.full_gap).rev()
    }

    /// Whether the candidate may take the next slot with `gap` songs of others before it, so that the rest can still be
    /// filled.
    pub fn allows(&mut self, candidate: usize, gap: u32) -> bool {
        let Some(a) = self.artist(candidate) else { return false };
        if self.left[a] == 0 || self.last[a] + i64::from(gap) >= self.slot {
            return false;
        }
        if let Some(known) = self.completes[a] {
            return known;
        }
        let rest = self.target.saturating_sub(usize::try_from(self.slot).unwrap_or(0) + 1);
        let answer = self.can_fill(self.kept_gap, Some(a), rest);
        self.completes[a] = Some(answer);
        answer
    }

    /// Gives the next slot to the candidate. Answers how many songs of others stand between it and the artist's song before
    /// it, if that is less than the configured gap.
    pub fn choose(&mut self, candidate: usize) -> Option<u32> {
        let a = self.artist(candidate)?;
        let between = u32::try_from(self.slot - self.last[a] - 1).unwrap_or(u32::MAX);
        self.of[candidate] = NONE;
        self.left[a] = self.left[a].saturating_sub(1);
        self.open -= usize::from(self.left[a] == 0);
        self.last[a] = self.slot;
        self.slot += 1;
        self.forget_answers();
        (between < self.config.artist_gap).then_some(between)
    }

    fn artist(&self, candidate: usize) -> Option<usize> {
        self.of.get(candidate).filter(|a| **a != NONE).map(|a| *a as usize)
    }

    fn forget_answers(&mut self) {
        self.completes.clear();
        self.completes.resize(self.artists.len(), None);
    }

    /// Whether `slots` slots can be filled with `gap`, after giving the next one to `first` if there is one.
    fn can_fill(&mut self, gap: u32, first: Option<usize>, slots: usize) -> bool {
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
}

/// Where each id was put: a table with open addressing, half empty, whose order never shows. It knows places only; the ids
/// themselves are compared by the caller.
struct Places<'a> {
    table: &'a mut [u32],
    shift: u32,
}

impl<'a> Places<'a> {
    fn over(storage: &'a mut Vec<u32>, ids: usize) -> Self {
        let size = (2 * ids).next_power_of_two().max(2);
        storage.clear();
        storage.resize(size, NONE);
        Self { table: storage, shift: 32 - size.trailing_zeros().min(31) }
    }

    /// The place that `id` was put at before, as `same` knows it; `new` if there is none, which then becomes its place.
    /// With [`NONE`] for `new`, nothing is put.
    fn find_or_put(&mut self, id: u32, new: u32, same: impl Fn(u32) -> bool) -> u32 {
        let mask = self.table.len() - 1;
        // Fibonacci hashing: dense ids spread over the table's upper bits.
        let mut at = (id.wrapping_mul(0x9e37_79b9) >> self.shift) as usize & mask;
        loop {
            match self.table[at] {
                NONE => {
                    self.table[at] = new;
                    return new;
                }
                place if same(place) => return place,
                _ => at = (at + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
mod tests {
    use super::*;
    use crate::math::Rng;

    struct Case {
        songs: Vec<SongId>,
        artists: Vec<ArtistId>,
        before: Vec<ArtistId>,
        usable: Vec<bool>,
        config: RuleConfig,
        k: usize,
    }

    fn case(rng: &mut Rng) -> Case {
        let n = 1 + rng.below(9);
        let pool = 1 + rng.below(4);
        let repeats = rng.below(8) == 0;
        let songs: Vec<u32> = (0..n).map(|i| if repeats { rng.below(n) } else { i }).collect();
        // A song has one artist, also where it is a candidate twice.
        let artist_of: Vec<u32> = (0..n).map(|_| rng.below(pool)).collect();
        Case {
            artists: songs.iter().map(|s| ArtistId(10 * artist_of[*s as usize])).collect(),
            songs: songs.into_iter().map(SongId).collect(),
            before: (0..rng.below(4)).map(|_| ArtistId(10 * rng.below(pool + 1))).collect(),
            usable: (0..n).map(|_| rng.below(10) > 0).collect(),
            config: RuleConfig {
                artist_gap: rng.below(4),
                max_per_artist: [None, Some(1), Some(2)][rng.below(3) as usize],
            },
            k: 1 + rng.below(7) as usize,
        }
    }

    /// Whether `slots` can be filled by trying everything.
    fn brute(case: &Case, gap: u32, line: &mut Vec<(SongId, ArtistId)>, slots: usize) -> bool {
        if line.len() == slots {
            return true;
        }
        (0..case.songs.len()).any(|i| {
            let (song, artist) = (case.songs[i], case.artists[i]);
            let before = case.before.iter().chain(line.iter().map(|(_, a)| a)).rev().take(gap as usize);
            let fits = case.usable[i]
                && !line.iter().any(|(s, _)| *s == song)
                && !before.into_iter().any(|a| *a == artist)
                && line.iter().filter(|(_, a)| *a == artist).count()
                    < case.config.max_per_artist.unwrap_or(99) as usize;
            fits && {
                line.push((song, artist));
                let filled = brute(case, gap, line, slots);
                line.pop();
                filled
            }
        })
    }

    /// One random list, filled by a greedy that prefers by index. Answers whether a gap had to give way.
    fn check(rng: &mut Rng, rules: &mut Rules, with_brute_force: bool) -> bool {
        let case = case(rng);
        let target =
            rules.start(case.config, &case.songs, &case.artists, &case.before, case.k, &mut |i| case.usable[i]);
        let (mut line, mut gave_way): (Vec<usize>, bool) = (vec![], false);
        while line.len() < case.k {
            let pick = rules.gaps().find_map(|gap| (0..case.songs.len()).find(|i| rules.allows(*i, gap)));
            let Some(pick) = pick else { break };
            let noted = rules.choose(pick);
            // The rules hold, checked from their wording and not from the state above.
            assert!(case.usable[pick] && !line.iter().any(|i| case.songs[*i] == case.songs[pick]));
            let before: Vec<ArtistId> =
                case.before.iter().copied().chain(line.iter().map(|i| case.artists[*i])).collect();
            let between = before.iter().rev().position(|a| *a == case.artists[pick]);
            let violation = between.filter(|b| *b < case.config.artist_gap as usize);
            assert_eq!(noted.map(|b| b as usize), violation);
            assert!(noted.is_none_or(|b| b >= rules.kept_gap()), "never below the kept gap");
            gave_way |= violation.is_some();
            line.push(pick);
            let same = line.iter().filter(|i| case.artists[**i] == case.artists[pick]).count();
            assert!(same <= case.config.max_per_artist.unwrap_or(99) as usize);
        }
        assert_eq!(line.len(), target);
        if with_brute_force {
            // As long as any slate, a gap as large as any slate of that length, and no violation if none is needed.
            assert_eq!((0..=case.k).rev().find(|k| brute(&case, 0, &mut vec![], *k)), Some(target));
            let largest = (0..=case.config.artist_gap).rev().find(|gap| brute(&case, *gap, &mut vec![], target));
            let line = (case.before.len() + target) as u32;
            assert_eq!(largest.map(|gap| gap.min(line)), Some(rules.kept_gap()));
            assert!(!gave_way || largest != Some(case.config.artist_gap));
        }
        gave_way
    }

    #[test]
    fn no_violation_where_brute_force_finds_none_needed() {
        let (mut rng, mut rules) = (Rng::new(1), Rules::default());
        let gave_way = (0..30_000).filter(|_| check(&mut rng, &mut rules, true)).count();
        println!("30000 lists, all against brute force; a gap had to give way in {gave_way}");
        assert!(gave_way > 1000 && gave_way < 20_000, "the lists should be a mixture");
    }

    #[test]
    fn a_million_lists() {
        let (mut rng, mut rules) = (Rng::new(2), Rules::default());
        let gave_way = (0..1_000_000).filter(|_| check(&mut rng, &mut rules, false)).count();
        println!("1000000 lists; a gap had to give way in {gave_way}");
    }

    #[test]
    fn long_slates_look_ahead() {
        // Ten songs of one artist and twenty of others: with gap 2 the ten must start at once, though they come last by index.
        let artists: Vec<ArtistId> = (0..30).map(|i| ArtistId(if i < 20 { i } else { 99 })).collect();
        let songs: Vec<SongId> = (0..30).map(SongId).collect();
        let mut rules = Rules::default();
        assert_eq!(rules.start(RuleConfig::default(), &songs, &artists, &[], 30, &mut |_| true), 30);
        assert_eq!(rules.kept_gap(), 2);
        for _ in 0..30 {
            let pick = (0..30).find(|i| rules.allows(*i, 2));
            assert_eq!(rules.choose(pick.expect("the slate can be filled")), None);
        }
    }
}
