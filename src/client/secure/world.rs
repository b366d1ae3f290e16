//! A small world for tests: a server in memory, and pages that do their engine's errands and may be closed and opened again between any
//! two.

pub(super) use super::world_server::Server;
use super::{Errand, Phase, RoundState, Upload};
use crate::client::{EngineConfig, Recommender};
use crate::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use crate::math::{Rng, quantize_row};
use crate::privacy::accountant::Budget;
use crate::protocol::{CandidateBlock, CatalogueShard, Extraction, TowerShape, TowerWeights, encode};
use crate::secagg::PublicKey;
use crate::session::{Feedback, Impression, ListenEvent};
use crate::tower::initial_weights;
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;

const SHAPE: TowerShape =
    TowerShape { dimension: 4, attention: 2, hidden: 3, interests: 2, experts: 1, extraction: Extraction::Capsules };
const SONGS: u32 = 30;

fn shard() -> CatalogueShard {
    let mut rng = Rng::new(4);
    let n = SONGS as usize;
    let mut rows = vec![0i8; n * 4];
    let row = |codes: &mut [i8]| quantize_row(&(0..4).map(|_| rng.normal()).collect::<Vec<f32>>(), codes);
    let scales = rows.chunks_exact_mut(4).map(row).collect();
    CatalogueShard {
        dimension: 4,
        songs: (0..SONGS).map(SongId).collect(),
        artists: vec![ArtistId(0); n],
        popularity: vec![0.5; n],
        plays: vec![1; n],
        scales,
        rows,
        ..CatalogueShard::default()
    }
    .filled()
}

pub(super) fn weights(version: u64) -> TowerWeights {
    TowerWeights { version: WeightsVersion(version), shape: SHAPE, values: initial_weights(SHAPE, version) }
}

pub(super) fn block(version: u64) -> CandidateBlock {
    let mut rng = Rng::new(9);
    let songs: Vec<SongId> = (0..SONGS).step_by(2).map(SongId).collect();
    CandidateBlock {
        weights: WeightsVersion(version),
        count: 1,
        ahead: 1,
        lessons: 16,
        dimension: 4,
        popularity: vec![0.5; songs.len()],
        rows: (0..songs.len() * 4).map(|_| rng.normal()).collect(),
        songs,
        ..CandidateBlock::default()
    }
}

/// A page: an engine, the store behind it, and how it behaves.
pub(super) struct Page {
    pub(super) engine: Recommender,
    rng: ChaCha20Rng,
    seed: u64,
    snapshot: Vec<u8>,
    pub(super) store: Option<Vec<u8>>,
    server: PublicKey,
    budget: Budget,
    /// Falls silent once it has sent this message.
    pub(super) until: Option<&'static str>,
    silent: bool,
    /// Whether it answers with streams of its own.
    pub(super) enciphers: bool,
    /// What it was about to report, when it was reported.
    pub(super) uploads: BTreeMap<RoundId, Upload>,
}

impl Page {
    pub(super) fn new(seed: u64, server: PublicKey) -> Self {
        let mut engine = Recommender::new(EngineConfig::default(), seed);
        engine.load_shard(&encode(&shard())).unwrap();
        for i in 0..10u32 {
            let at = Millis(u64::from(i) * 60_000);
            let song = SongId((i * 7 + u32::try_from(seed).unwrap()) % SONGS);
            let impression = Impression { song, slot: 0, at };
            engine.observe(ListenEvent { impression, feedback: Feedback::Complete, at }).unwrap();
        }
        engine.set_consent(true);
        engine.trust_server(server).unwrap();
        let budget = Budget::new(40.0, 1e-6).unwrap();
        engine.set_budget(budget);
        Self {
            snapshot: engine.snapshot(),
            engine,
            rng: ChaCha20Rng::seed_from_u64(seed),
            seed,
            store: None,
            server,
            budget,
            until: None,
            silent: false,
            enciphers: true,
            uploads: BTreeMap::new(),
        }
    }

    pub(super) fn state(&self) -> RoundState {
        self.engine.round_state()
    }

    pub(super) fn errand(&mut self, now: Millis) -> Option<Errand> {
        let errand = self.engine.round_errand(now, &mut self.rng).unwrap();
        assert_eq!(errand, self.engine.round_errand(now, &mut self.rng).unwrap(), "asked twice it says another thing");
        errand
    }

    /// One errand; false where there is none.
    pub(super) fn step(&mut self, server: &mut Server, now: Millis) -> bool {
        if self.silent {
            return false;
        }
        let Some(errand) = self.errand(now) else { return false };
        match errand {
            Errand::Get { path, .. } => {
                let (status, body) = server.get(&path);
                self.engine.round_answer(status, &body, now).unwrap();
            }
            Errand::Put { path, message, body } => {
                if path.contains("reports") {
                    let upload = self.engine.explain_upload().expect("it is explained before it leaves");
                    self.uploads.insert(upload.round, upload);
                }
                let status = server.put(&path, &body);
                self.engine.round_sent(now);
                self.engine.round_answer(status, &[], now).unwrap();
                self.silent = self.until == Some(message);
            }
            Errand::Keep { bytes } => {
                assert_eq!(bytes, self.engine.vault());
                self.store = Some(bytes.clone());
                self.snapshot = self.engine.snapshot();
                self.engine.round_kept(&bytes).unwrap();
            }
            Errand::Mask { key, length } => {
                let stream = if self.enciphers { stream(&key, length) } else { Vec::new() };
                self.engine.round_stream(&stream).unwrap();
            }
        }
        true
    }

    /// Closed and opened again: from what the store holds, or from what it would hold had it been written just now.
    pub(super) fn reload(&mut self, crash: bool) {
        let vault = if crash { self.store.clone() } else { Some(self.engine.vault()) };
        let snapshot = if crash { self.snapshot.clone() } else { self.engine.snapshot() };
        self.engine = Recommender::new(EngineConfig::default(), self.seed + 1000);
        self.engine.load_shard(&encode(&shard())).unwrap();
        self.engine.restore(&snapshot).unwrap();
        if let Some(vault) = vault {
            self.engine.restore_vault(&vault).unwrap();
            assert_eq!(self.engine.vault(), vault, "a vault changes by being read");
        }
        self.engine.trust_server(self.server).unwrap();
        self.engine.set_budget(self.budget);
    }
}

/// AES-128 in counter mode, as a platform would give it.
fn stream(key: &[u8], length: usize) -> Vec<u8> {
    use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
    let key: [u8; 16] = key.try_into().expect("16 bytes");
    let mut bytes = vec![0; length];
    ctr::Ctr32BE::<aes::Aes128>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut bytes);
    bytes
}

/// A server and its pages, and the clock.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) pages: Vec<Page>,
    pub(super) now: Millis,
    pub(super) rng: ChaCha20Rng,
}

/// When pages are closed and opened again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reloads {
    Never,
    /// Between every two errands, from what the vault would be.
    Always,
    /// Now and then, from what the store holds.
    Crashes,
}

impl World {
    /// Round 5 of everybody, whose roster is closed, and the first page in it as far as `phase`.
    pub(super) fn first_page_in(&mut self, phase: Phase) {
        let everybody = u32::try_from(self.pages.len()).unwrap();
        self.run(15, Reloads::Never);
        self.server.open(5, everybody, |_| ());
        self.run(25, Reloads::Never);
        self.server.close_joins();
        for _ in 0..40 {
            self.now.0 += 1_000;
            while self.pages[0].state().phase != phase && self.pages[0].step(&mut self.server, self.now) {}
        }
    }

    pub(super) fn new(pages: u64, vertical: bool) -> Self {
        let server = Server::new(vertical);
        let key = server.identity.public();
        let pages = (0..pages).map(|seed| Page::new(seed, key)).collect();
        Self { server, pages, now: Millis(1_000), rng: ChaCha20Rng::seed_from_u64(77) }
    }

    /// All pages do what they have to, for a while.
    pub(super) fn run(&mut self, seconds: u64, reloads: Reloads) {
        for _ in 0..seconds {
            for page in &mut self.pages {
                let mut steps = 0;
                while page.step(&mut self.server, self.now) {
                    match reloads {
                        Reloads::Always => page.reload(false),
                        Reloads::Crashes if self.rng.next_u32().is_multiple_of(3) => page.reload(true),
                        _ => {}
                    }
                    steps += 1;
                    assert!(steps < 300, "errands without an end: {:?} {:?}", page.state(), page.errand(self.now));
                    // Pauses do not outlive a reload: there would always be something to ask for.
                    if steps >= 8 && reloads != Reloads::Never {
                        break;
                    }
                }
            }
            self.now.0 += 1_000;
        }
    }

    /// Everybody enlists; then one round, from joining to outcome.
    pub(super) fn round(&mut self, round: u64, reloads: Reloads) {
        self.run(15, reloads);
        let cohort = u32::try_from(self.pages.len()).unwrap();
        self.server.open(round, cohort, |_| ());
        self.run(25, reloads);
        self.server.close_joins();
        self.run(25, reloads);
        self.server.close_reports();
        self.run(30, reloads);
        assert!(self.server.finish(), "too few disclosures: {:?}", self.pages[0].state());
        self.run(15, reloads);
    }

    /// What was opened is to a bit what those who reported had noised.
    pub(super) fn assert_sum(&mut self, round: u64) {
        let live = &self.server.rounds[&RoundId(round)];
        let sum = live.sum.as_ref().unwrap();
        let uploads: Vec<&Upload> = self.pages.iter().filter_map(|page| page.uploads.get(&RoundId(round))).collect();
        assert_eq!(uploads.len(), live.reports.len());
        for (j, total) in sum.iter().enumerate() {
            assert_eq!(*total, uploads.iter().map(|upload| upload.noised[j]).sum::<i32>());
        }
        assert!(uploads.iter().all(|upload| upload.norm() > 0.0 && upload.norm() <= upload.clip_norm));
    }
}
