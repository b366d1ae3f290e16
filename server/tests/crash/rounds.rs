//! Rounds, one after the other, whoever dies: what was not acknowledged is sent again to the next process.

use super::devices::{A_LIFE, DEVICES, Device, PATIENCE, member, members, read};
use super::server::{Answer, Death, Died, Place, Server, stop_the_database};
use super::wire::{self, Ask};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sottovoce::ids::RoundId;
use sottovoce::protocol::{Fate, SecureOffer, SplitQuestion, SplitVotes, Stage, TowerWeights, encode};
use sottovoce::secagg::PublicKey;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is to go wrong.
pub(crate) struct Deaths {
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    /// Points and seconds of the same rounds in peace: how the deaths are spread over them.
    pub(crate) peace: Option<(u64, f64)>,
    /// Instead of all that: so many servers side by side, of which one is killed whenever so much time has passed.
    pub(crate) beside: Option<(usize, Duration)>,
}

impl Deaths {
    pub(crate) fn none() -> Self {
        Self { kills: 0, stops: 0, peace: None, beside: None }
    }
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The newest weights, as they travel.
    pub(crate) model: Vec<u8>,
    /// How many versions its log has, and the bits of the ε there.
    pub(crate) log: (u64, u64),
    pub(crate) deaths: u64,
    pub(crate) at_a_point: u64,
    pub(crate) stops: u64,
    pub(crate) acknowledged: u64,
    /// Acknowledged and not in the sum.
    pub(crate) lost: u64,
    /// More in a sum than reported.
    pub(crate) twice: u64,
    /// Reports whose ε stands in no account.
    pub(crate) unrecorded: u64,
    pub(crate) points: u64,
    pub(crate) seconds: f64,
    ready: Vec<f64>,
}

impl Outcome {
    /// Milliseconds from a process's start to its first answer.
    pub(crate) fn ready(&self, share: f64) -> f64 {
        let mut all = self.ready.clone();
        all.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = ((all.len().saturating_sub(1)) as f64 * share) as usize;
        all.get(rank).copied().unwrap_or_default()
    }
}

struct Play<'a> {
    place: &'a Place,
    devices: Vec<Device>,
    members: Vec<Vec<u8>>,
    rounds: u64,
    done: u64,
    now: u64,
    deaths: Deaths,
    rng: ChaCha20Rng,
    /// One, or several over one store, which are asked in turn.
    servers: Vec<Option<Server>>,
    turn: usize,
    /// How many were started.
    lives: u32,
    dies_at_a_point: bool,
    stopping: Option<JoinHandle<bool>>,
    outcome: Outcome,
}

pub(crate) fn play(place: &Place, rounds: u64, deaths: Deaths) -> Outcome {
    let mut play = Play {
        place,
        devices: (0..DEVICES).map(Device::new).collect(),
        members: members(),
        rounds,
        done: 0,
        now: 1,
        deaths,
        rng: ChaCha20Rng::seed_from_u64(rounds),
        servers: Vec::new(),
        turn: 0,
        lives: 0,
        dies_at_a_point: false,
        stopping: None,
        outcome: Outcome::default(),
    };
    play.servers.resize_with(play.deaths.beside.map_or(1, |(count, _)| count), || None);
    let begun = Instant::now();
    for round in 1..=rounds {
        play.round(round);
        play.done = round;
    }
    play.outcome.seconds = begun.elapsed().as_secs_f64();
    play.end()
}

impl Play<'_> {
    /// One round, in as many lives as it takes.
    fn round(&mut self, round: u64) {
        self.devices.iter_mut().for_each(|device| device.part = None);
        let stop_in = self.deaths.stops * (round - 1) / self.rounds < self.deaths.stops * round / self.rounds;
        if stop_in {
            let after = Duration::from_millis(u64::from(self.rng.next_u32() % 60));
            self.stopping = Some(std::thread::spawn(move || {
                std::thread::sleep(after);
                stop_the_database()
            }));
        }
        let mut tries = 0;
        loop {
            tries += 1;
            assert!(tries < 4000, "round {round} comes to no end");
            match self.step(round) {
                Ok(true) => break,
                Ok(false) => {}
                Err(Died) => self.buried(),
            }
        }
        if let Some(stopping) = self.stopping.take() {
            self.outcome.stops += u64::from(stopping.join().expect("it was stopped"));
        }
        while self.judge(round).is_err() {
            self.buried();
        }
    }

    /// The one that was asked is dead.
    fn buried(&mut self) {
        let lived = self.servers[self.turn].take().is_some();
        self.outcome.deaths += u64::from(lived);
        self.outcome.at_a_point += u64::from(lived && self.dies_at_a_point);
        self.now += A_LIFE;
    }

    /// The living server whose turn it is; a new one where there is none, with its death in it.
    fn server(&mut self) -> &mut Server {
        self.turn = (self.turn + 1) % self.servers.len();
        if self.servers[self.turn].is_none() {
            let death = self.death();
            self.lives += 1;
            self.dies_at_a_point = matches!(death, Death::Point(_));
            let server = Server::start(self.place, death);
            let let_live = matches!(death, Death::Never) && self.stopping.is_none();
            assert!(server.ready.is_some() || !let_live, "it does not come up");
            self.outcome.ready.extend(server.ready.map(|ready| ready.as_secs_f64() * 1e3));
            self.servers[self.turn] = Some(server);
        }
        self.servers[self.turn].as_mut().expect("just made")
    }

    /// Every server does what is due, all at once, as they do in life.
    fn tick(&mut self) -> Result<(), Died> {
        let now = wire::numbers(&[self.now]);
        if self.servers.iter().all(Option::is_none) {
            self.server();
        }
        let begun = |server: &mut Option<Server>| Some(server.as_mut()?.begin(Ask::Tick, &now));
        let begun: Vec<Option<Result<(), Died>>> = self.servers.iter_mut().map(begun).collect();
        let mut dead = None;
        // Whoever was asked is heard, also where another died: its answer would be taken for that to the next question.
        for (i, begun) in begun.into_iter().enumerate() {
            let (Some(begun), Some(server)) = (begun, &mut self.servers[i]) else { continue };
            match begun.and_then(|()| server.end()) {
                Ok(answer) => _ = taken(Ask::Tick, answer),
                Err(Died) => {
                    if dead.replace(i).is_some() {
                        self.buried();
                    }
                    self.turn = i;
                }
            }
        }
        if dead.is_some() { Err(Died) } else { Ok(()) }
    }

    /// Evenly over what is left of the rounds.
    fn death(&mut self) -> Death {
        if let Some((count, every)) = self.deaths.beside {
            // The first ones die one after the other, and each that takes its place a whole turn later.
            let turns = u32::try_from(count).expect("a few");
            return Death::Moment(every * if self.lives < turns { self.lives + 1 } else { turns });
        }
        let left = self.deaths.kills.saturating_sub(self.outcome.deaths);
        let (Some((points, seconds)), 1..) = (self.deaths.peace, left) else { return Death::Never };
        #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
        let share = (self.rounds - self.done) as f64 / self.rounds as f64 / left as f64 * 2.0;
        let chance = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a few"
        )]
        if self.rng.next_u32().is_multiple_of(2) {
            Death::Point((points as f64 * share * chance) as u64 + 1)
        } else {
            Death::Moment(Duration::from_secs_f64(seconds * share * chance))
        }
    }

    /// The next thing that is due in a round; true when its sum is in the model.
    fn step(&mut self, round: u64) -> Result<bool, Died> {
        let Some(state) = self.done(Ask::Round, &wire::numbers(&[round]))? else { return Ok(false) };
        match wire::number(&state, 0) {
            wire::CLOSED => return Ok(true),
            wire::ABANDONED => panic!("round {round} was abandoned"),
            _ => {}
        }
        let Some(offer) = self.done(Ask::Offer, &wire::numbers(&[self.now]))? else { return Ok(false) };
        if offer.is_empty() {
            self.enlist()?; // the first of all rounds has no committee yet
            return Ok(false);
        }
        let offer: SecureOffer = read(&offer);
        if offer.terms.terms.round.0 != round {
            return Ok(false); // it has closed just now
        }
        match offer.stage {
            Stage::Joining => self.joining(&offer)?,
            Stage::Reporting => self.reporting(&offer)?,
            Stage::Opening => self.opening(&offer)?,
        }
        Ok(false)
    }

    /// An answer, if the store gave one; what is refused must not be.
    fn done(&mut self, ask: Ask, body: &[u8]) -> Result<Option<Vec<u8>>, Died> {
        let answer = self.server().ask(ask, body)?;
        Ok(taken(ask, answer))
    }

    /// Everything at once; which of it was done, also where the server died over it.
    fn all(&mut self, ask: Ask, bodies: &[Vec<u8>]) -> (Vec<bool>, Result<(), Died>) {
        let mut done = vec![false; bodies.len()];
        let end = self.server().ask_all(ask, bodies, |i, answer| done[i] = taken(ask, answer).is_some());
        (done, end)
    }

    fn enlist(&mut self) -> Result<(), Died> {
        let offers = self.members.iter().map(|kept| encode(&member(kept).enlist(RoundId(1 << 40))));
        let offers: Vec<Vec<u8>> = offers.map(|offer| [wire::numbers(&[self.now]), offer].concat()).collect();
        self.all(Ask::Enlist, &offers).1
    }

    /// The last one's joining fills the cohort.
    fn joining(&mut self, offer: &SecureOffer) -> Result<(), Died> {
        let Some(weights) = self.done(Ask::Weights, &[])? else { return Ok(()) };
        let Some(key) = self.done(Ask::Key, &[])? else { return Ok(()) };
        let (weights, key): (TowerWeights, _) = (read(&weights), PublicKey(key.try_into().expect("a key")));
        for device in self.devices.iter_mut().filter(|device| device.part.is_none()) {
            device.join(offer, &weights, key);
        }
        let round = wire::numbers(&[offer.terms.terms.round.0]);
        let joins =
            self.devices.iter().filter_map(|device| Some([round.clone(), device.part.as_ref()?.join.clone()].concat()));
        let joins: Vec<Vec<u8>> = joins.collect();
        self.all(Ask::Join, &joins).1
    }

    /// When all are acknowledged who report at all, the clock leaps to the deadline.
    fn reporting(&mut self, offer: &SecureOffer) -> Result<(), Died> {
        let round = offer.terms.terms.round.0;
        let names: Vec<Vec<u8>> = self.devices.iter().map(|device| asking(round, device)).collect();
        let mut views = vec![None; names.len()];
        self.server().ask_all(Ask::View, &names, |i, answer| views[i] = taken(Ask::View, answer))?;
        for (device, view) in self.devices.iter_mut().zip(views) {
            let Some(view) = view else { return Ok(()) };
            device.report(offer, &read(&view));
        }
        let (mut who, mut reports) = (Vec::new(), Vec::new());
        for (i, device) in self.devices.iter().enumerate() {
            if let Some(report) = device.part.as_ref().and_then(|part| part.report.as_ref()) {
                who.push(i);
                reports.push([wire::numbers(&[round]), report.clone()].concat());
            }
        }
        let (done, end) = self.all(Ask::Report, &reports);
        for (i, _) in who.iter().zip(&done).filter(|(_, done)| **done) {
            self.devices[*i].part.as_mut().expect("it reports").acknowledged = true;
        }
        end?;
        if done.iter().all(|done| *done) {
            self.now += PATIENCE + 1;
            self.tick()?;
        }
        Ok(())
    }

    fn opening(&mut self, offer: &SecureOffer) -> Result<(), Died> {
        let this = wire::numbers(&[offer.terms.terms.round.0]);
        let Some(key) = self.done(Ask::Key, &[])? else { return Ok(()) };
        let key = PublicKey(key.try_into().expect("a key"));
        let Some(question) = self.done(Ask::Question, &this)? else { return Ok(()) };
        let question: SplitQuestion = read(&question);
        let (mut votes, mut voted) = (Vec::new(), Vec::new());
        for kept in &mut self.members {
            let mut member = member(kept);
            let seated = member.seat(offer.terms.clone(), key).expect("a seat");
            let SplitQuestion { entries, beacon, split } = question.clone();
            let (signed, vote) = seated.vote(&mut member, entries, beacon, split).expect("one split a round");
            *kept = member.to_bytes();
            votes.push([this.clone(), encode(&vote)].concat());
            voted.push(signed);
        }
        let (done, end) = self.all(Ask::Vote, &votes);
        end?;
        if !done.iter().all(|done| *done) {
            return Ok(());
        }
        let Some(signed) = self.done(Ask::Votes, &this)? else { return Ok(()) };
        let SplitVotes { votes } = read(&signed);
        let disclosures: Vec<Vec<u8>> = voted
            .into_iter()
            .zip(&self.members)
            .map(|(voted, kept)| voted.disclose(&member(kept), &votes).expect("enough votes"))
            .map(|disclosure| [this.clone(), encode(&disclosure)].concat())
            .collect();
        self.all(Ask::Disclose, &disclosures).1?;
        self.tick()?;
        Ok(())
    }

    /// Who was told that it is there must be in the sum, and nobody twice.
    fn judge(&mut self, round: u64) -> Result<(), Died> {
        let state = self.insist(Ask::Round, &wire::numbers(&[round]))?;
        let (mut acknowledged, mut lost) = (0, 0);
        let told = |device: &Device| device.part.as_ref().is_some_and(|part| part.acknowledged);
        let asked: Vec<_> = self.devices.iter().map(|device| (told(device), asking(round, device))).collect();
        for (told, name) in asked {
            let fate = self.insist(Ask::Fate, &name)?;
            acknowledged += u64::from(told);
            lost += u64::from(told && fate != [Fate::Included as u8]);
        }
        let model = self.insist(Ask::Weights, &[])?;
        let log = self.insist(Ask::Log, &[])?;
        let points = self.insist(Ask::Points, &[])?;
        let outcome = &mut self.outcome;
        outcome.acknowledged += acknowledged;
        outcome.lost += lost;
        outcome.twice += wire::number(&state, 1).saturating_sub(acknowledged);
        outcome.model = model;
        outcome.log = (wire::number(&log, 0), wire::number(&log, 1));
        outcome.points = wire::number(&points, 0);
        Ok(())
    }

    /// Asks until the store answers.
    fn insist(&mut self, ask: Ask, body: &[u8]) -> Result<Vec<u8>, Died> {
        loop {
            if let Some(answer) = self.done(ask, body)? {
                return Ok(answer);
            }
        }
    }

    fn end(mut self) -> Outcome {
        let unrecorded = self.devices.iter().map(|device| device.reports.saturating_sub(device.charged()));
        self.outcome.unrecorded = unrecorded.sum();
        self.outcome
    }
}

fn asking(round: u64, device: &Device) -> Vec<u8> {
    [wire::numbers(&[round]), device.identity().0.to_vec()].concat()
}

fn taken(ask: Ask, (byte, body): Answer) -> Option<Vec<u8>> {
    match byte {
        wire::DONE => Some(body),
        wire::LATER => {
            std::thread::sleep(Duration::from_millis(5));
            None
        }
        _ => panic!("{ask:?} was refused: {}", String::from_utf8_lossy(&body)),
    }
}
