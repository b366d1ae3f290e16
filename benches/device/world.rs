//! Writes what a page loads before it can recommend: 10,000 songs of 64 dimensions as catalogue shards, and tower weights.
//!
//! `cargo run --example device-bench-world -- FOLDER` (which `cargo xtask bench device` does). Same seed, same bytes.

use sottovoce::ids::{ArtistId, SongId, WeightsVersion};
use sottovoce::math::{Rng, normalize, quantize_row};
use sottovoce::protocol::{self, CatalogueShard, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use std::error::Error;
use std::path::Path;

const SONGS: u32 = 10_000;
const SHARD: u32 = 4096;
const ARTISTS: u32 = 2500;
/// Songs gather around so many centres, as genres do; isotropic vectors would make every pool equally diverse.
const CENTRES: usize = 64;
const DIMENSION: u32 = 64;
const SEED: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("no folder; next: cargo run --example device-bench-world -- FOLDER")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;

    let rng = Rng::new(SEED);
    let mut centre_rng = rng.split("centres");
    let centres: Vec<Vec<f32>> = (0..CENTRES).map(|_| normals(&mut centre_rng)).collect();
    let mut shards = Vec::new();
    for (index, first) in (0..).zip((0..SONGS).step_by(SHARD as usize)) {
        let songs = first..SONGS.min(first + SHARD);
        let shard = shard(index, songs.clone(), &centres, &rng);
        std::fs::write(folder.join(format!("embeddings-{index}")), protocol::encode(&shard))?;
        let songs: Vec<_> = songs.map(|id| serde_json::json!({ "id": id, "title": format!("Song {id}"), "artist": "Someone", "artist_id": artist(id).0 })).collect();
        std::fs::write(folder.join(format!("songs-{index}")), serde_json::to_vec(&songs)?)?;
        shards.push(serde_json::json!({
            "index": index, "songs": songs.len(), "etag": format!("\"{index}\""),
            "metadata": format!("/v1/catalogue/shards/{index}/songs"), "embeddings": format!("/v1/catalogue/shards/{index}/embeddings"),
        }));
    }
    let catalogue = serde_json::json!({ "name": "bench", "songs": SONGS, "dimension": DIMENSION, "shards": shards });
    std::fs::write(folder.join("catalogue"), catalogue.to_string())?;
    let shape = TowerShape::usual(DIMENSION);
    let weights = TowerWeights { version: WeightsVersion(1), shape, values: initial_weights(shape, SEED) };
    std::fs::write(folder.join("weights"), protocol::encode(&weights))?;
    Ok(())
}

fn shard(index: u32, songs: std::ops::Range<u32>, centres: &[Vec<f32>], rng: &Rng) -> CatalogueShard {
    let d = DIMENSION as usize;
    let (mut scales, mut rows, mut plays) = (Vec::new(), Vec::new(), Vec::new());
    for id in songs.clone() {
        let mut rng = rng.split_at(u64::from(id));
        let centre = &centres[rng.below(u32::try_from(centres.len()).unwrap_or(1)) as usize];
        let mut row: Vec<f32> = normals(&mut rng).iter().zip(centre).map(|(own, centre)| own + centre).collect();
        normalize(&mut row);
        let start = rows.len();
        rows.resize(start + d, 0);
        scales.push(quantize_row(&row, &mut rows[start..]));
        // Plays fall with the rank, as they do everywhere.
        plays.push(100_000 / (1 + rng.below(SONGS)));
    }
    #[allow(clippy::cast_precision_loss, reason = "plays stay below 2²⁴")]
    let popularity = plays.iter().map(|p| ((1 + p) as f32).ln() / 100_001f32.ln()).collect();
    let artists = songs.clone().map(artist).collect();
    CatalogueShard {
        index,
        dimension: DIMENSION,
        songs: songs.map(SongId).collect(),
        artists,
        popularity,
        scales,
        plays,
        rows,
        ..CatalogueShard::default()
    }
    .filled()
}

fn artist(song: u32) -> ArtistId {
    ArtistId(song % ARTISTS)
}

fn normals(rng: &mut Rng) -> Vec<f32> {
    (0..DIMENSION).map(|_| rng.normal()).collect()
}
