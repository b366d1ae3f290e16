//! Representation learning: lists of songs come in, one vector a song goes out. One paper a file.
//!
//! A corpus is what the log looks like to these models: lists of song numbers, in listening order or as bags. What leaves is
//! [`SongEmbeddings`], unit rows that recall scans, that the catalogue's shards carry to the devices, and that the device's
//! own user tower reads. Knows nothing of channels, evaluation or serving; may be imported by every room from `recall` up.

mod corpus;
mod embeddings;
mod error;
mod kernel;
mod noise;
mod song2vec;

pub use corpus::Corpus;
pub use embeddings::SongEmbeddings;
pub use error::EmbedError;
pub use noise::NoiseTable;
pub use song2vec::{Song2Vec, Song2VecConfig};
