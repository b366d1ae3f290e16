//! Which songs may still come, and whether they can fill the rest of a slate under caps on tags.
//!
//! A song stands for its artist and its tags. The search fills slot after slot, artists with the most songs left first and of
//! their songs those whose tags have the most room, and goes back where it ends. It keeps no lists: the next song to try at a
//! slot is the one that comes after the last one tried in that order, so that a search allocates nothing.

use super::places::{NONE, Places};

/// The songs that may still come.
#[derive(Clone, Debug, Default)]
pub(super) struct Songs {
    columns: usize,
    /// The candidate's artist as a place; [`NONE`] once it cannot come any more.
    of: Vec<u32>,
    /// `columns` places in `tag_left` a candidate; [`NONE`] for no tag.
    tag_of: Vec<u32>,
    /// The first candidate of the same artist and the same tags: a search need not try both.
    like: Vec<u32>,
    like_places: Vec<u32>,
    /// Songs with each tag, while they are counted.
    counts: Vec<u32>,
    /// How many songs with each tag may still come.
    pub(super) tag_left: Vec<u32>,
    /// Candidates of each artist.
    pub(super) songs_left: Vec<u32>,
    /// What the artist's cap leaves.
    pub(super) cap_left: Vec<u32>,
    /// The candidate at each slot of a filling under search.
    line: Vec<u32>,
    /// When the artist of each came before, to give it back.
    came: Vec<i64>,
    /// Without a gap the order of a filling does not matter: kinds of songs that were tried at an earlier place, with that place.
    tried: Vec<(u32, usize)>,
}

impl Songs {
    /// Begins anew with room for `n` candidates of `columns` tags each.
    pub(super) fn start(&mut self, n: usize, columns: usize) {
        self.columns = columns;
        self.of.clear();
        self.of.resize(n, NONE);
        self.tag_of.clear();
        self.tag_of.resize(n * columns, NONE);
        self.tag_left.clear();
        self.songs_left.clear();
        self.cap_left.clear();
    }

    pub(super) fn add_artist(&mut self, cap: u32) {
        self.songs_left.push(0);
        self.cap_left.push(cap);
    }

    /// The tag of a candidate in a column; one that it has already counts once.
    pub(super) fn set_tag(&mut self, candidate: usize, column: usize, tag: u32) {
        let tags = &mut self.tag_of[candidate * self.columns..(candidate + 1) * self.columns];
        if !tags.contains(&tag) {
            tags[column] = tag;
        }
    }

    /// Lets the candidate of this artist come.
    pub(super) fn add(&mut self, candidate: usize, artist: u32) {
        self.of[candidate] = artist;
        self.songs_left[artist as usize] += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there are tags to look after.
    pub(super) fn tagged(&self) -> bool {
        !self.tag_left.is_empty()
    }

    pub(super) fn artist(&self, candidate: usize) -> Option<usize> {
        self.of.get(candidate).filter(|a| **a != NONE).map(|a| *a as usize)
    }

    /// Finds songs that are alike; after the last [`Songs::add`].
    pub(super) fn group(&mut self) {
        let Self { columns, of, tag_of, like, like_places, .. } = self;
        like.clear();
        let mut places = Places::over(like_places, if *columns == 0 { 0 } else { of.len() });
        for (i, artist) in (0u32..).zip(of.iter()) {
            let tags = |i: u32| &tag_of[i as usize * *columns..(i as usize + 1) * *columns];
            let hash = tags(i).iter().fold(*artist, |h, t| h.wrapping_mul(31).wrapping_add(*t));
            let alike = |at: u32| of[at as usize] == *artist && tags(at) == tags(i);
            like.push(if *columns == 0 { i } else { places.find_or_put(hash, i, alike) });
        }
    }

    /// No more songs than this can come, whatever the artists: in each column the songs are told apart by their tag there, and of
    /// those with one tag its cap may come.
    pub(super) fn tag_room(&mut self) -> usize {
        (0..self.columns).map(|column| self.column_room(column)).min().unwrap_or(usize::MAX)
    }

    fn column_room(&mut self, column: usize) -> usize {
        self.counts.clear();
        self.counts.resize(self.tag_left.len(), 0);
        let mut room = 0;
        for (artist, tags) in self.of.iter().zip(self.tag_of.chunks_exact(self.columns)) {
            match tags[column] {
                _ if *artist == NONE => {}
                NONE => room += 1,
                tag => self.counts[tag as usize] += 1,
            }
        }
        room + self.counts.iter().zip(&self.tag_left).map(|(count, left)| *count.min(left) as usize).sum::<usize>()
    }

    /// How many songs of the artist may still come.
    pub(super) fn left(&self, artist: usize) -> u32 {
        self.songs_left[artist].min(self.cap_left[artist])
    }

    pub(super) fn tags(&self, candidate: usize) -> impl Iterator<Item = usize> + '_ {
        let tags = &self.tag_of[candidate * self.columns..(candidate + 1) * self.columns];
        tags.iter().filter(|t| **t != NONE).map(|t| *t as usize)
    }

    /// Gives the candidate a slot for good. Answers whether other songs went with it, as one of its tags is used up.
    pub(super) fn take(&mut self, candidate: usize) -> bool {
        let Some(a) = self.artist(candidate) else { return false };
        self.of[candidate] = NONE;
        self.songs_left[a] -= 1;
        self.cap_left[a] = self.cap_left[a].saturating_sub(1);
        let mut exhausted = false;
        for column in 0..self.columns {
            let tag = self.tag_of[candidate * self.columns + column];
            if tag != NONE {
                self.tag_left[tag as usize] -= 1;
                exhausted |= self.tag_left[tag as usize] == 0;
            }
        }
        if exhausted {
            self.drop_tagged();
        }
        exhausted
    }

    /// Songs one of whose tags is used up cannot come.
    pub(super) fn drop_tagged(&mut self) {
        for i in 0..self.of.len() {
            if let Some(a) = self.artist(i)
                && self.tags(i).any(|t| self.tag_left[t] == 0)
            {
                self.of[i] = NONE;
                self.songs_left[a] -= 1;
            }
        }
    }

    /// Puts a candidate into a filling, or takes it out again.
    fn lend(&mut self, candidate: usize, back: bool) {
        let a = self.of[candidate] as usize;
        let step = |count: &mut u32| *count = if back { *count + 1 } else { *count - 1 };
        step(&mut self.songs_left[a]);
        step(&mut self.cap_left[a]);
        for column in 0..self.columns {
            let tag = self.tag_of[candidate * self.columns + column];
            if tag != NONE {
                step(&mut self.tag_left[tag as usize]);
            }
        }
    }
}

/// What a search found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is a filling.
    Yes,
    /// There is none.
    No,
    /// Nobody knows: it would have been too much work.
    Stopped,
}

/// So many looks at a candidate, and no more.
const WORK: usize = 200_000;

/// The order in which songs are tried: songs of the artist left, room of the tightest tag, then the earlier kind of song.
type Key = (u32, u32, core::cmp::Reverse<u32>);

/// Whether `slots` slots from `slot` on can be filled with `gap`, after giving `slot` to `first` if there is one. `last` is when each
/// artist came last; it is the same again afterwards, and so are the songs.
pub(super) fn search(
    songs: &mut Songs,
    last: &mut [i64],
    slot: i64,
    gap: u32,
    first: Option<usize>,
    slots: usize,
) -> Answer {
    let slots = slots + usize::from(first.is_some());
    let (mut line, mut came) = (core::mem::take(&mut songs.line), core::mem::take(&mut songs.came));
    line.clear();
    came.clear();
    songs.tried.clear();
    let mut work = 0;
    let mut after: Option<Key> = None;
    let answer = loop {
        if line.len() == slots {
            break Answer::Yes;
        }
        if work > WORK {
            break Answer::Stopped;
        }
        #[allow(clippy::cast_possible_wrap, reason = "slots are far below 2⁶³")]
        let at = slot + line.len() as i64;
        let next = match first.filter(|_| line.is_empty()) {
            Some(first) if after.is_none() => Some(first),
            Some(_) => None,
            None => {
                work += songs.len();
                best(songs, last, &line, at, gap, after)
            }
        };
        if let Some(candidate) = next {
            let a = songs.of[candidate] as usize;
            songs.lend(candidate, false);
            came.push(last[a]);
            last[a] = at;
            #[allow(clippy::cast_possible_truncation, reason = "candidates are u32")]
            line.push(candidate as u32);
            after = None;
            continue;
        }
        let Some(candidate) = give_back(songs, last, &mut line, &mut came) else { break Answer::No };
        after = Some(key(songs, candidate));
        if gap == 0 {
            songs.tried.retain(|(_, place)| *place <= line.len());
            songs.tried.push((songs.like[candidate], line.len()));
        }
    };
    while give_back(songs, last, &mut line, &mut came).is_some() {}
    (songs.line, songs.came) = (line, came);
    answer
}

/// Takes the last song of a filling out again.
fn give_back(songs: &mut Songs, last: &mut [i64], line: &mut Vec<u32>, came: &mut Vec<i64>) -> Option<usize> {
    let (candidate, before) = (line.pop()? as usize, came.pop()?);
    songs.lend(candidate, true);
    last[songs.of[candidate] as usize] = before;
    Some(candidate)
}

fn key(songs: &Songs, candidate: usize) -> Key {
    let room = songs.tags(candidate).map(|t| songs.tag_left[t]).min().unwrap_or(u32::MAX);
    let left = songs.of.get(candidate).filter(|a| **a != NONE).map_or(0, |a| songs.left(*a as usize));
    (left, room, core::cmp::Reverse(songs.like[candidate]))
}

/// The best song for a slot that comes after `after` in the order.
fn best(songs: &Songs, last: &[i64], line: &[u32], slot: i64, gap: u32, after: Option<Key>) -> Option<usize> {
    let mut best: Option<(Key, u32)> = None;
    for i in 0u32..u32::try_from(songs.len()).unwrap_or(u32::MAX) {
        let Some(a) = songs.artist(i as usize) else { continue };
        let key = key(songs, i as usize);
        let may = key.0 > 0
            && key.1 > 0
            && last[a] + i64::from(gap) < slot
            && after.is_none_or(|after| key < after)
            && best.is_none_or(|(best, _)| key > best);
        if may && !line.contains(&i) && !songs.tried.iter().any(|(kind, _)| *kind == songs.like[i as usize]) {
            best = Some((key, i));
        }
    }
    best.map(|(_, candidate)| candidate as usize)
}
