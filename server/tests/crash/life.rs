//! The child: a coordinator over a store, which answers until it is killed.

use super::devices::{D, config};
use super::server::{DIE_AT, PARENT, Place};
use super::wire::{self, Ask};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{TowerShape, TowerWeights, decode, encode, verify};
use sottovoce::secagg::PublicKey;
use sottovoce_server::federated::secure::SumError;
use sottovoce_server::federated::{Coordinator, RoundError, RoundState};
use sottovoce_server::store::{Fault, StoreError};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

struct Life {
    coordinator: Coordinator,
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
    let open = async {
        let store = place.open().await.expect("the store opens").with_fault(fault);
        let shape = TowerShape { attention: 1, hidden: 1, ..TowerShape::usual(2) };
        let initial = TowerWeights { version: WeightsVersion(0), shape, values: vec![0.5; D] };
        Coordinator::open(store, config(), initial).await.expect("it goes on with what is there")
    };
    let life = Arc::new(Life { coordinator: runtime.block_on(open), points });
    while let Ok((id, ask, body)) = wire::read(&mut asked) {
        let (life, answers) = (Arc::clone(&life), Arc::clone(&answers));
        runtime.spawn(async move {
            let (byte, body) = match life.answer(Ask::of(ask), &body).await {
                Ok(body) => (wire::DONE, body),
                Err(error) if busy(&error) => (wire::LATER, error.to_string().into_bytes()),
                Err(error) => (wire::REFUSED, error.to_string().into_bytes()),
            };
            let _ = wire::write(&mut *answers.lock().expect("a socket"), id, byte, &body);
        });
    }
}

fn busy(error: &RoundError) -> bool {
    let store = |error: &StoreError| error.busy();
    matches!(error, RoundError::State(error) | RoundError::Sum(SumError::Store(error)) if store(error))
}

impl Life {
    async fn answer(&self, ask: Ask, body: &[u8]) -> Result<Vec<u8>, RoundError> {
        let (first, rest) = body.split_at(body.len().min(8));
        let number = if first.len() == 8 { wire::number(first, 0) } else { 0 };
        let (now, round) = (Millis(number), RoundId(number));
        let name = || PublicKey(rest.try_into().expect("a name"));
        let (coordinator, sums) = (&self.coordinator, self.coordinator.sums());
        let nothing = Vec::new();
        Ok(match ask {
            Ask::Enlist => sums.enlist(now, &decode(rest).expect("an offer")).await.map(|()| nothing)?,
            Ask::Offer => coordinator.secure_offer(now).await?.map_or(nothing, |offer| encode(&offer)),
            Ask::Weights => encode(&coordinator.weights().await?),
            Ask::Key => sums.key().0.to_vec(),
            Ask::Join => sums.join(round, &decode(rest).expect("a join")).await.map(|_| nothing)?,
            Ask::View => encode(&sums.view(round, name()).await?),
            Ask::Report => sums.report(round, &decode(rest).expect("a report")).await.map(|_| nothing)?,
            Ask::Question => encode(&sums.question(round).await?),
            Ask::Vote => sums.vote(round, &decode(rest).expect("a vote")).await.map(|_| nothing)?,
            Ask::Votes => encode(&sums.votes(round).await?),
            Ask::Disclose => sums.disclose(round, &decode(rest).expect("a disclosure")).await.map(|_| nothing)?,
            Ask::Tick => coordinator.tick(now).await.map(|_| nothing)?,
            Ask::Fate => vec![sums.fate(round, name()).await? as u8],
            Ask::Round => match coordinator.round(round).await {
                Ok(round) => wire::numbers(&[state(round.state), round.updates.into()]),
                Err(RoundError::NoSuchRound { .. }) => wire::numbers(&[0, 0]),
                Err(error) => return Err(error),
            },
            Ask::Log => {
                let log = coordinator.log(WeightsVersion(0), u32::MAX).await?;
                verify(&log, None, &coordinator.log_key()).expect("a chain of versions, all signed");
                let epsilon = log.last().map_or(0.0, |newest| newest.record.epsilon);
                wire::numbers(&[log.len() as u64, epsilon.to_bits()])
            }
            Ask::Points => wire::numbers(&[self.points.load(Ordering::Relaxed)]),
        })
    }
}

fn state(state: RoundState) -> u64 {
    match state {
        RoundState::Closed => wire::CLOSED,
        RoundState::Abandoned => wire::ABANDONED,
        _ => wire::LIVE,
    }
}
