//! The rules against trying everything.

use super::*;
use crate::math::Rng;

struct Case {
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    tags: Vec<Vec<u16>>,
    before: Vec<ArtistId>,
    usable: Vec<bool>,
    config: RuleConfig,
    k: usize,
}

fn case(rng: &mut Rng, columns: u32) -> Case {
    let n = 1 + rng.below(if columns > 0 { 7 } else { 9 });
    let pool = 1 + rng.below(4);
    let repeats = rng.below(8) == 0;
    let songs: Vec<u32> = (0..n).map(|i| if repeats { rng.below(n) } else { i }).collect();
    // A song has one artist, also where it is a candidate twice.
    let artist_of: Vec<u32> = (0..n).map(|_| rng.below(pool)).collect();
    let tag = |rng: &mut Rng| [0, 1, 2, NO_TAG][rng.below(4) as usize];
    let tags = (0..columns).map(|_| (0..n).map(|_| tag(rng)).collect::<Vec<_>>()).collect::<Vec<_>>();
    Case {
        tags: tags.iter().map(|column| songs.iter().map(|s| column[*s as usize]).collect()).collect(),
        artists: songs.iter().map(|s| ArtistId(10 * artist_of[*s as usize])).collect(),
        songs: songs.into_iter().map(SongId).collect(),
        before: (0..rng.below(4)).map(|_| ArtistId(10 * rng.below(pool + 1))).collect(),
        usable: (0..n).map(|_| rng.below(10) > 0).collect(),
        config: RuleConfig {
            artist_gap: rng.below(4),
            max_per_artist: [None, Some(1), Some(2)][rng.below(3) as usize],
            max_per_tag: (columns > 0).then(|| rng.below(4)),
        },
        k: 1 + rng.below(7) as usize,
    }
}

impl Case {
    /// The tags of a candidate, each once.
    fn tags_of(&self, i: usize) -> Vec<u16> {
        let mut tags: Vec<u16> = self.tags.iter().map(|column| column[i]).filter(|t| *t != NO_TAG).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn within_caps(&self, line: &[usize]) -> bool {
        line.iter().all(|i| {
            let same = line.iter().filter(|j| self.artists[**j] == self.artists[*i]).count();
            let tagged = |tag: u16| line.iter().filter(|j| self.tags_of(**j).contains(&tag)).count();
            same <= self.config.max_per_artist.unwrap_or(99) as usize
                && self.tags_of(*i).iter().all(|tag| tagged(*tag) <= self.config.max_per_tag.unwrap_or(99) as usize)
        })
    }

    /// Songs that may come, each once.
    fn songs(&self) -> Vec<usize> {
        let all = (0..self.songs.len()).filter(|i| self.usable[*i]);
        let possible = |i: &usize| self.config.max_per_tag != Some(0) || self.tags_of(*i).is_empty();
        all.filter(possible).filter(|i| (0..*i).all(|j| !self.usable[j] || self.songs[j] != self.songs[*i])).collect()
    }

    /// Whether a proof is what it says, counted again from the case.
    fn check(&self, proof: Infeasible) {
        let songs = self.songs();
        let without = |slots: u32, left: usize| assert!(left < slots as usize, "{proof:?}");
        match proof {
            Infeasible::Songs { slots, songs: counted } => {
                let mut artists: Vec<ArtistId> = songs.iter().map(|i| self.artists[*i]).collect();
                artists.sort_unstable();
                let cap = self.config.max_per_artist.unwrap_or(99) as usize;
                let most: usize = artists.chunk_by(|a, b| a == b).map(|same| same.len().min(cap)).sum();
                assert_eq!(most, counted as usize);
                without(slots, most);
            }
            Infeasible::Tag { tag, songs: counted, cap, others, slots } => {
                let with = songs.iter().filter(|i| self.tags_of(**i).contains(&tag)).count();
                assert_eq!((with, self.config.max_per_tag), (counted as usize, Some(cap)));
                assert!(others as usize <= songs.len() - with);
                without(slots, with.min(cap as usize) + others as usize);
            }
            Infeasible::Artist { artist, songs: counted, room, fit, slots, gap, .. } => {
                let by = songs.iter().filter(|i| self.artists[**i] == artist).count();
                assert_eq!(by.min(self.config.max_per_artist.unwrap_or(99) as usize), counted as usize);
                assert_eq!(room, slots.div_ceil(gap + 1));
                without(slots, fit as usize);
            }
            Infeasible::Opening { artists, slots, gap } => {
                // An artist played `back` songs ago may come again in slot `gap + 1 − back`, counted from 0.
                let ready = |artist: &ArtistId| {
                    let back = self.before.iter().rev().position(|a| a == artist).map_or(u32::MAX, |b| b as u32 + 1);
                    (gap + 1).saturating_sub(back) < slots
                };
                let mut by: Vec<ArtistId> = songs.iter().map(|i| self.artists[*i]).filter(ready).collect();
                by.sort_unstable();
                by.dedup();
                assert_eq!(by.len(), artists as usize);
                without(slots, by.len());
            }
            Infeasible::Searched { .. } => assert!(!self.tags.is_empty(), "without tags a count tells"),
        }
    }
}

/// Whether `slots` can be filled by trying everything.
fn brute(case: &Case, gap: u32, line: &mut Vec<usize>, slots: usize) -> bool {
    if line.len() == slots {
        return true;
    }
    case.songs().into_iter().any(|i| {
        let artists = case.before.iter().chain(line.iter().map(|j| &case.artists[*j]));
        let apart = !artists.rev().take(gap as usize).any(|a| *a == case.artists[i]);
        apart && !line.contains(&i) && {
            line.push(i);
            let filled = case.within_caps(line) && brute(case, gap, line, slots);
            line.pop();
            filled
        }
    })
}

/// What happened to random lists.
#[derive(Default, Debug)]
struct Tally {
    gave_way: usize,
    short: usize,
    searched: usize,
}

/// One random list, filled by a greedy that prefers by index.
fn check(rng: &mut Rng, rules: &mut Rules, columns: u32, with_brute_force: bool, tally: &mut Tally) {
    let case = case(rng, columns);
    let tags: Vec<&[u16]> = case.tags.iter().map(Vec::as_slice).collect();
    let usable = &mut |i: usize| case.usable[i];
    let target = rules.start_with(case.config, &case.songs, &case.artists, &tags, &case.before, case.k, usable);
    let (too_few, too_close) = (rules.too_few(), rules.too_close());
    let (mut line, mut gave_way): (Vec<usize>, bool) = (vec![], false);
    while line.len() < case.k {
        let pick = rules.gaps().find_map(|gap| (0..case.songs.len()).find(|i| rules.allows(*i, gap)));
        let Some(pick) = pick else { break };
        let noted = rules.choose(pick);
        // The rules hold, checked from their wording and not from the state above.
        assert!(case.usable[pick] && !line.iter().any(|i| case.songs[*i] == case.songs[pick]));
        let before: Vec<ArtistId> = case.before.iter().copied().chain(line.iter().map(|i| case.artists[*i])).collect();
        let between = before.iter().rev().position(|a| *a == case.artists[pick]);
        let violation = between.filter(|b| *b < case.config.artist_gap as usize);
        assert_eq!(noted.map(|b| b as usize), violation);
        assert!(noted.is_none_or(|b| b >= rules.kept_gap()), "never below the kept gap");
        gave_way |= violation.is_some();
        line.push(pick);
        assert!(case.within_caps(&line));
    }
    // Whatever gives way was proved to have to, and nothing was proved that did not.
    assert_eq!(line.len(), target);
    assert_eq!(too_few.is_some(), target < case.k);
    assert!(too_close.is_some() || !gave_way);
    [too_few, too_close].into_iter().flatten().for_each(|proof| case.check(proof));
    tally.gave_way += usize::from(gave_way);
    tally.short += usize::from(target < case.k);
    tally.searched += [too_few, too_close].iter().filter(|p| matches!(p, Some(Infeasible::Searched { .. }))).count();
    if with_brute_force {
        // As long as any slate, a gap as large as any slate of that length, and no violation if none is needed.
        assert_eq!((0..=case.k).rev().find(|k| brute(&case, 0, &mut vec![], *k)), Some(target));
        let largest = (0..=case.config.artist_gap).rev().find(|gap| brute(&case, *gap, &mut vec![], target));
        let line = (case.before.len() + target) as u32;
        assert_eq!(largest.map(|gap| gap.min(line)), Some(rules.kept_gap()));
        assert!(!gave_way || largest != Some(case.config.artist_gap));
    }
}

fn lists(count: usize, seed: u64, columns: u32, with_brute_force: bool) -> Tally {
    let (mut rng, mut rules, mut tally) = (Rng::new(seed), Rules::default(), Tally::default());
    for _ in 0..count {
        check(&mut rng, &mut rules, columns, with_brute_force, &mut tally);
    }
    println!("{count} lists with {columns} columns of tags, brute force {with_brute_force}: {tally:?}");
    tally
}

#[test]
fn no_violation_where_brute_force_finds_none_needed() {
    let tally = lists(20_000, 1, 0, true);
    assert!(tally.gave_way > 1000 && tally.gave_way < 15_000, "the lists should be a mixture: {tally:?}");
    assert_eq!(tally.searched, 0, "without tags every proof is a count");
}

#[test]
fn nor_with_tags() {
    for columns in [1, 2] {
        let tally = lists(4_000, 3, columns, true);
        assert!(tally.gave_way > 100 && tally.short > 500, "the lists should be a mixture: {tally:?}");
    }
}

/// A tenth of the million by default; `SOTTOVOCE_LISTS=1000000` for all of them.
#[test]
fn a_million_lists() {
    let count = std::env::var("SOTTOVOCE_LISTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    lists(count * 3 / 4, 2, 0, false);
    lists(count / 4, 4, 1, false);
}

#[test]
fn a_search_that_is_stopped_still_fills_the_slate() {
    // Sixty songs of two artists in turn, two tags each, caps so tight that counting does not tell: no search ends in time.
    let mut rng = Rng::new(9);
    let songs: Vec<SongId> = (0..60).map(SongId).collect();
    let artists: Vec<ArtistId> = (0..60).map(|i| ArtistId(i % 7)).collect();
    let column = |rng: &mut Rng| (0..60).map(|_| rng.below(9) as u16).collect::<Vec<_>>();
    let (one, two) = (column(&mut rng), column(&mut rng));
    let config = RuleConfig { artist_gap: 3, max_per_artist: Some(4), max_per_tag: Some(4) };
    let mut rules = Rules::default();
    let target = rules.start_with(config, &songs, &artists, &[&one, &two], &[], 30, &mut |_| true);
    let mut line: Vec<usize> = vec![];
    loop {
        match rules.gaps().find_map(|gap| (0..60).find(|i| rules.allows(*i, gap))) {
            Some(pick) => {
                rules.choose(pick);
                line.push(pick);
            }
            None if rules.retreat() => {}
            None => break,
        }
    }
    for tag in 0..9 {
        assert!(line.iter().filter(|i| one[**i] == tag || two[**i] == tag).count() <= 4);
    }
    println!("wanted {target}, filled {}", line.len());
    assert!(line.len() >= 12, "{}", line.len());
}

#[test]
fn long_slates_look_ahead() {
    // Ten songs of one artist and twenty of others: with gap 2 the ten must start at once, though they come last by index.
    let artists: Vec<ArtistId> = (0..30).map(|i| ArtistId(if i < 20 { i } else { 99 })).collect();
    let songs: Vec<SongId> = (0..30).map(SongId).collect();
    let mut rules = Rules::default();
    assert_eq!(rules.start(RuleConfig::default(), &songs, &artists, &[], 30, &mut |_| true), 30);
    assert_eq!((rules.kept_gap(), rules.too_close()), (2, None));
    for _ in 0..30 {
        let pick = (0..30).find(|i| rules.allows(*i, 2));
        assert_eq!(rules.choose(pick.expect("the slate can be filled")), None);
    }
}

#[test]
fn a_proof_names_who_and_how_many() {
    // Six of eight songs are by artist 5: with one song of others between, eight slots hold four of them.
    let artists = [5, 5, 5, 5, 5, 5, 8, 9].map(ArtistId);
    let songs: Vec<SongId> = (0..8).map(SongId).collect();
    let mut rules = Rules::default();
    let config = RuleConfig { artist_gap: 3, ..RuleConfig::default() };
    assert_eq!(rules.start(config, &songs, &artists, &[], 8, &mut |_| true), 8);
    assert_eq!(rules.kept_gap(), 0);
    let proof = rules.too_close().expect("a count");
    assert!(matches!(
        proof,
        Infeasible::Artist { artist: ArtistId(5), songs: 6, room: 4, fit: 6, slots: 8, gap: 1, .. }
    ));
    assert!(proof.to_string().contains("artist 5 has 6 songs"), "{proof}");
}
