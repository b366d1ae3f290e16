use super::*;
use crate::client::{EngineConfig, Error, Received, Recommender, Remembered, UpdateKey, train};
use crate::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use crate::math::quantize_row;
use crate::protocol::{CatalogueShard, RoundOffer, TowerShape, TowerWeights, WeightUpdate, decode, encode};
use crate::session::{Feedback, Fraction, Impression, ListenEvent};
use crate::tower::{Context, initial_weights};

const D: usize = 8;
const SONGS: u32 = 40;

fn shape() -> TowerShape {
    TowerShape { attention: 4, hidden: 6, interests: 3, experts: 2, ..TowerShape::usual(8) }
}

fn shard() -> CatalogueShard {
    let mut rng = Rng::new(4);
    let mut rows = vec![0i8; SONGS as usize * D];
    let scales = rows
        .chunks_exact_mut(D)
        .map(|codes| quantize_row(&(0..D).map(|_| rng.normal()).collect::<Vec<f32>>(), codes))
        .collect();
    let n = SONGS as usize;
    CatalogueShard {
        dimension: 8,
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

/// Every second song is a candidate.
fn block(ahead: u32) -> CandidateBlock {
    let mut rng = Rng::new(9);
    let songs: Vec<SongId> = (0..SONGS).step_by(2).map(SongId).collect();
    CandidateBlock {
        weights: WeightsVersion(7),
        count: 1,
        ahead,
        lessons: 64,
        dimension: 8,
        popularity: vec![0.5; songs.len()],
        rows: (0..songs.len() * D).map(|_| rng.normal()).collect(),
        songs,
        ..CandidateBlock::default()
    }
}

fn plan() -> LocalPlan {
    LocalPlan {
        epochs: 1,
        batch: 256,
        learning_rate: 0.5,
        negatives: 1,
        max_examples: 64,
        clip_norm: 1e3,
        proximal: 0.0,
    }
}

fn event(song: u32, feedback: Feedback, at: u64) -> ListenEvent {
    let at = Millis(at * 60_000);
    ListenEvent { impression: Impression { song: SongId(song), slot: 0, at }, feedback, at }
}

fn skip() -> Feedback {
    Feedback::Skip { heard: Fraction::new(0.0) }
}

fn past(items: &Resident, heard: &[(u32, Feedback)]) -> Past {
    let remembered = |(&(song, feedback), at): (&(u32, Feedback), u64)| Remembered {
        event: event(song, feedback, at),
        context: Context::default(),
    };
    Past::new(&heard.iter().zip(0..).map(remembered).collect::<Vec<_>>(), items)
}

fn items() -> Resident {
    let mut items = Resident::default();
    items.add(&shard()).expect("a good shard");
    items
}

#[test]
fn one_pass_is_the_gradient_and_its_length_tells_nothing() {
    let (items, block) = (items(), block(1));
    let tower = UserTower::new(shape(), &initial_weights(shape(), 1)).expect("same shape");
    let done = Feedback::Complete;
    let heard = [(2, done), (3, done), (4, skip()), (8, Feedback::Like), (11, done), (2, done), (12, done)];
    let past = past(&items, &heard);
    let open = [OpenBlock::new(&block, &items)];
    // Finished or liked, in the block, not the first: 8, the second 2, 12.
    assert_eq!(past.block_lessons(&open[0], 64), [3, 5, 6]);
    assert_eq!(past.block_lessons(&open[0], 2), [5, 6]);

    let split = SplitTower::new(&tower, &[&block.rows]);
    let mut gradient = vec![0.0; split.parameters().len()];
    for i in [3, 5, 6] {
        past.learn_block(i, &split, &open, 0, 1.0 / 3.0, &mut BlockLesson::default(), &mut gradient);
    }
    let exact = split.travelling(&gradient);
    let trained =
        train_split(&tower, &past, &items, std::slice::from_ref(&block), &plan(), Rng::new(1)).expect("three lessons");
    assert_eq!(trained.lessons, 3);
    let update = trained.update.clip(1e3).into_values();
    assert_eq!(update.len(), tower.shared().len() + block.songs.len() * D);
    for (moved, exact) in update.iter().zip(&exact) {
        assert!((moved + 0.5 * exact).abs() < 1e-5, "{moved} {exact}");
    }
    assert!(
        exact[tower.shared().len()..].iter().all(|g| *g != 0.0),
        "a candidate without a gradient tells that it was heard, or not"
    );

    let few = train_split(&tower, &past_of_two(&items), &items, &[block], &plan(), Rng::new(1));
    assert_eq!(few.expect("one lesson").update.clip(1e3).into_values().len(), update.len());
}

fn past_of_two(items: &Resident) -> Past {
    past(items, &[(1, Feedback::Complete), (2, Feedback::Complete)])
}

/// FedProx, by hand: with a step a pass, the second pass goes `ημ` times the first one's way back.
#[test]
fn a_plan_that_draws_back_is_fedprox() {
    let (items, block) = (items(), block(1));
    let tower = UserTower::new(shape(), &initial_weights(shape(), 1)).expect("same shape");
    let done = Feedback::Complete;
    let past = past(&items, &[(2, done), (3, done), (8, Feedback::Like), (11, done), (12, done)]);
    let split = |plan: &LocalPlan| {
        let blocks = std::slice::from_ref(&block);
        train_split(&tower, &past, &items, blocks, plan, Rng::new(1)).expect("lessons").update
    };
    let whole = |plan: &LocalPlan| train(&tower, &past, &items, plan, Rng::new(1)).expect("lessons").update;
    let ways: [&dyn Fn(&LocalPlan) -> Gradient; 2] = [&split, &whole];
    for train in ways {
        let train = |epochs, proximal| train(&LocalPlan { epochs, proximal, ..plan() }).clip(1e6).into_values();
        let (first, free, drawn) = (train(1, 0.0), train(2, 0.0), train(2, 0.8));
        assert!(first.iter().any(|step| step.abs() > 1e-3));
        for ((first, free), drawn) in first.iter().zip(&free).zip(&drawn) {
            assert!((free - 0.5 * 0.8 * first - drawn).abs() < 1e-5, "{free} {first} {drawn}");
        }
        assert_eq!(first, train(1, 0.8), "the first step has nowhere to be drawn back to");
    }
}

#[test]
fn a_block_of_likes_looks_for_likes_alone() {
    let items = items();
    let likes = CandidateBlock { task: 1, ..block(1) };
    let past = past(&items, &[(2, Feedback::Complete), (4, Feedback::Complete), (6, Feedback::Like), (8, skip())]);
    assert_eq!(past.block_lessons(&OpenBlock::new(&likes, &items), 64), [2]);
}

/// What is learned from is what lies ahead: with the whole rest wanted, the songs behind the cut pull together.
#[test]
fn more_ahead_is_the_mean_of_all_that_lies_there() {
    let items = items();
    let tower = UserTower::new(
        TowerShape { interests: 1, ..shape() },
        &initial_weights(TowerShape { interests: 1, ..shape() }, 1),
    )
    .expect("same shape");
    let done = Feedback::Complete;
    let heard = [(3, done), (4, done), (6, done)];
    let loss = |songs: &[(u32, Feedback)], ahead: u32| {
        let block = block(ahead);
        let split = SplitTower::new(&tower, &[&block.rows]);
        let mut sink = vec![0.0; split.parameters().len()];
        past(&items, songs).learn_block(
            1,
            &split,
            &[OpenBlock::new(&block, &items)],
            0,
            1.0,
            &mut BlockLesson::default(),
            &mut sink,
        )
    };
    let (first, second) = (loss(&heard[..2], 1), loss(&[heard[0], heard[2]], 1));
    let both = loss(&heard, 9);
    assert!((both - (first + second) / 2.0).abs() < 1e-4, "{both} {first} {second}");
    assert!((loss(&heard, 1) - first).abs() < 1e-6);
}

#[test]
fn a_vertical_round_through_the_engine() {
    let mut engine = Recommender::new(EngineConfig::default(), 3);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    let weights = TowerWeights { version: WeightsVersion(7), shape: shape(), values: initial_weights(shape(), 1) };
    engine.receive(&encode(&weights)).expect("good weights");
    for i in 0..12 {
        engine.observe(event(3 * i, Feedback::Complete, u64::from(i))).expect("a resident song");
    }
    engine.set_consent(true);
    let block = block(1);
    let likes = CandidateBlock { index: 1, count: 2, task: 1, ..block.clone() };
    let first = CandidateBlock { count: 2, ..block.clone() };
    assert_eq!(engine.receive(&encode(&first)), Err(Error::NoOffer));
    let offer =
        RoundOffer { round: RoundId(1), weights: WeightsVersion(7), plan: plan(), cohort: 4, closes_at: Millis(9) };
    engine.receive(&encode(&offer)).expect("an offer");
    let stale = CandidateBlock { weights: WeightsVersion(6), ..first.clone() };
    assert!(matches!(engine.receive(&encode(&stale)), Err(Error::WeightsVersion { .. })));
    assert_eq!(engine.receive(&encode(&likes)), Err(Error::Block { next: 0, got: 1 }));
    assert_eq!(engine.receive(&encode(&first)), Ok(Received::Block(1)));
    assert_eq!(engine.contribute(UpdateKey([1; 16])), Err(Error::Block { next: 1, got: 2 }), "one block is missing");
    assert_eq!(engine.receive(&encode(&likes)), Ok(Received::Block(2)));
    assert!(engine.contribute(UpdateKey([1; 16])).expect("all is here") > 0);
    let update: WeightUpdate = decode(&engine.outbox().expect("an update").bytes).expect("an update");
    assert_eq!(update.values().len(), weights.values.len() + 2 * block.rows.len());

    // Nothing changes for a round without blocks.
    engine.receive(&encode(&RoundOffer { round: RoundId(2), ..offer })).expect("an offer");
    engine.contribute(UpdateKey([2; 16])).expect("all is here");
    let update: WeightUpdate = decode(&engine.outbox().expect("an update").bytes).expect("an update");
    assert_eq!(update.values().len(), weights.values.len());
}

#[test]
fn a_block_of_another_dimension_is_refused() {
    let items = items();
    let tower = UserTower::new(shape(), &initial_weights(shape(), 1)).expect("same shape");
    let offer =
        RoundOffer { round: RoundId(1), weights: WeightsVersion(7), plan: plan(), cohort: 4, closes_at: Millis(9) };
    let mut invited = crate::client::Invited::new(offer);
    let mut other = block(1);
    other.dimension = 4;
    other.rows.truncate(other.songs.len() * 4);
    invited.take_block(other).expect("its turn");
    let done =
        invited.contribute(&tower, WeightsVersion(7), &past_of_two(&items), &items, &Rng::new(1), UpdateKey([0; 16]));
    assert_eq!(done, Err(Error::WeightsDimension { weights: 8, songs: 4 }));
}
