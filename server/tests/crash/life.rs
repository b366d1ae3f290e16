//! The child: a server over a store, which answers until it is killed. It keeps a model as a coordinator does: the sum of a round is added
//! in the transaction that ends the round.

use super::devices::{D, RULES, SERVER, terms};
use super::server::{DIE_AT, PARENT, Place};
use super::wire::{self, Ask};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::protocol::{decode, encode};
use sottovoce::secagg::{Digest, Identity, PublicKey};
use sottovoce_server::federated::secure::{Fate, Phase, SumError, Sums};
use sottovoce_server::store::{Fault, Isolation, Store, StoreError, retry};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

struct Life {
    store: Store,
    sums: Sums,
    points: Arc<AtomicU64>,
}

pub(crate) fn live() {
    let (Ok(parent), Some(place)) = (std::env::var(PARENT), Place::given()) else { return };
    let die_at: u64 = std::env::var(DIE_AT).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    let mut asked = TcpStream::connect(parent).expect("the parent listens");
    asked.set_nodelay(true).expect("a socket");
    let answers = Arc::new(Mutex::new(asked.try_clone().expect("a socket")));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().expect("threads");
    let points = Arc::new(AtomicU64::new(0));
    let (count, tell) = (Arc::clone(&points), Arc::clone(&answers));
    let fault = Fault::new(move |_| {
        if count.fetch_add(1, Ordering::Relaxed) + 1 == die_at {
            // Stands still, mid-transaction, until the signal comes.
            let _ = wire::write(&mut *tell.lock().expect("a socket"), wire::THE_POINT, 0, &[]);
            loop {
                std::thread::park();
            }
        }
        Ok(())
    });
    let store = runtime.block_on(place.open()).expect("the store opens").with_fault(fault);
    let sums = Sums::new(store.clone(), Identity::from_seed(SERVER));
    let life = Arc::new(Life { store, sums, points });
    while let Ok((id, ask, body)) = wire::read(&mut asked) {
        let (life, answers) = (Arc::clone(&life), Arc::clone(&answers));
        runtime.spawn(async move {
            let (byte, body) = match life.answer(Ask::of(ask), &body).await {
                Ok(body) => (wire::DONE, body),
                Err(SumError::Store(error)) if error.busy() => (wire::LATER, error.to_string().into_bytes()),
                Err(error) => (wire::REFUSED, error.to_string().into_bytes()),
            };
            let _ = wire::write(&mut *answers.lock().expect("a socket"), id, byte, &body);
        });
    }
}

impl Life {
    async fn answer(&self, ask: Ask, body: &[u8]) -> Result<Vec<u8>, SumError> {
        let (round, rest) = body.split_at(body.len().min(8));
        let round = RoundId(if round.len() == 8 { wire::number(round, 0) } else { 0 });
        let name = || PublicKey(rest.try_into().expect("a name"));
        let sums = &self.sums;
        match ask {
            Ask::Where => {
                let newest = sums.newest().await?;
                Ok(newest.map_or_else(|| wire::numbers(&[0, 0]), |sum| wire::numbers(&[sum.round.0, phase(sum.phase)])))
            }
            Ask::Enlist => sums.enlist(Millis(round.0), &decode(rest).expect("an offer")).await.map(|()| Vec::new()),
            Ask::Open => {
                let draw = Digest::of(&round.0.to_le_bytes());
                sums.open(Millis(wire::number(rest, 0)), &RULES, terms(round), draw).await.map(|_| Vec::new())
            }
            Ask::Terms => Ok(encode(&sums.round(round).await?.terms)),
            Ask::Join => sums.join(round, &decode(rest).expect("a join")).await.map(|_| Vec::new()),
            Ask::View => Ok(encode(&sums.view(round, name()).await?)),
            Ask::Report => sums.report(round, &decode(rest).expect("a report")).await.map(|_| Vec::new()),
            Ask::Tick => sums.tick(Millis(round.0), &RULES).await.map(|_| Vec::new()),
            Ask::Question => Ok(encode(&sums.question(round).await?)),
            Ask::Vote => sums.vote(round, &decode(rest).expect("a vote")).await.map(|_| Vec::new()),
            Ask::Votes => Ok(encode(&sums.votes(round).await?)),
            Ask::Disclose => sums.disclose(round, &decode(rest).expect("a disclosure")).await.map(|_| Vec::new()),
            Ask::Sum => retry(|| self.add(round)).await.map(|()| Vec::new()),
            Ask::Fate => Ok(vec![u8::from(sums.fate(round, name()).await? == Fate::Included)]),
            Ask::Model => Ok(self.model(round).await?),
            Ask::Points => Ok(wire::numbers(&[self.points.load(Ordering::Relaxed)])),
        }
    }

    /// The sum of a round joins the model; another process may have done it just now.
    async fn add(&self, round: RoundId) -> Result<(), SumError> {
        let Some(opened) = self.sums.opened(round).await? else { return Ok(()) };
        let mut write = self.store.write(Isolation::Swap).await?;
        if !self.sums.finish(&mut write, Millis(0), round).await? {
            return Ok(());
        }
        let before = write.row("SELECT model FROM models WHERE round = $1", &[RoundId(round.0 - 1).into()]).await?;
        let before: Vec<u8> = before.map_or_else(|| Ok(vec![0; 8 * D]), |row| row.get("model"))?;
        let model: Vec<u8> = (0..D)
            .flat_map(|i| wire::number(&before, i).wrapping_add_signed(opened.sum[i].into()).to_le_bytes())
            .collect();
        let sql = "INSERT INTO models (round, devices, model) VALUES ($1, $2, $3)";
        write.execute(sql, &[round.into(), opened.devices.into(), (&model).into()]).await?;
        Ok(write.commit().await?)
    }

    async fn model(&self, round: RoundId) -> Result<Vec<u8>, StoreError> {
        let mut link = self.store.read().await?;
        let row = link.row("SELECT devices, model FROM models WHERE round = $1", &[round.into()]).await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        let mut all = wire::numbers(&[row.number("devices")?]);
        all.extend(row.get::<Vec<u8>>("model")?);
        Ok(all)
    }
}

fn phase(phase: Phase) -> u64 {
    match phase {
        Phase::Joining => 1,
        Phase::Reporting => 2,
        Phase::Opening => 3,
        Phase::Summed => 4,
        Phase::Abandoned => 5,
    }
}
