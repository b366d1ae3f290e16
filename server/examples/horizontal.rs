//! Horizontal: everyone has the same features of different people (Yang et al. 2019, §2.3.1). The user tower travels, the songs keep still.
//! `cargo run -p sottovoce-server --example horizontal`

use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::{UserTower, initial_weights};
use sottovoce_server::catalog::{SHARD_SONGS, shards};
use sottovoce_server::data::{SyntheticConfig, leave_one_out, synthetic};
use sottovoce_server::embed::{Corpus, Song2Vec, Song2VecConfig};
use sottovoce_server::federated::{Coordinator, CoordinatorConfig};
use sottovoce_server::progress::quiet;
use sottovoce_server::simulate::{HeldOutPart, Population, RoundsConfig, evaluate, run_rounds};
use sottovoce_server::state::State;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let data =
        synthetic(&SyntheticConfig { listeners: 200, songs: 400, artists: 60, events: 12_000, ..Default::default() });
    let split = leave_one_out(&data);
    let corpus = Corpus::of(&split.train);
    let song2vec = Song2VecConfig { dimension: 32, ..Song2VecConfig::default() };
    let embeddings = Song2Vec::train(&corpus, &song2vec, 1, &quiet)?.embeddings()?;
    let shards = shards(&split.train.songs, &embeddings.rows, 32, &corpus.counts(), SHARD_SONGS)?;
    let mut population = Population::new(&split, &shards, 1);

    let shape = TowerShape::usual(32);
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let plan = LocalPlan {
        epochs: 2,
        batch: 16,
        learning_rate: 0.1,
        negatives: 32,
        max_examples: 64,
        clip_norm: 1.0,
        proximal: 0.0,
    };
    let rules = CoordinatorConfig { cohort: 40, minimum: 1, plan, ..CoordinatorConfig::default() };
    let coordinator = Coordinator::open(State::in_memory().await?.pool().clone(), rules, weights.clone()).await?;
    let measure = |weights: &TowerWeights, population: &Population| -> anyhow::Result<f64> {
        let tower =
            UserTower::new(shape, &weights.values).ok_or_else(|| anyhow::anyhow!("weights of another shape"))?;
        Ok(evaluate(&tower, &population.items, &data, &population.held_out, HeldOutPart::Test).ndcg10)
    };
    let before = measure(&weights, &population)?;
    let (mut updates, mut bytes) = (0, 0);
    let rounds = RoundsConfig { clients: 40, rounds: 15, dropout: 0.1, seed: 1 };
    run_rounds(&mut population, &coordinator, &rounds, |_, outcome| {
        updates += outcome.counted;
        bytes += outcome.bytes;
    })
    .await?;
    let after = measure(&coordinator.weights().await?, &population)?;
    println!("up: {updates} clipped updates of {} weights, {bytes} bytes; no song, no event", weights.values.len());
    println!("NDCG@10 of the next song: {before:.4} before, {after:.4} after 15 rounds");
    Ok(())
}
