//! Songs and artists as the server knows them.

use serde::{Deserialize, Serialize};
use sottovoce::ids::{ArtistId, SongId};

/// One song of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Song {
    /// Dense id, equal to the song's place in the catalogue.
    #[serde(with = "song_id")]
    pub id: SongId,
    /// The id that the source used (a file's item id, a store's SKU); unique.
    pub key: String,
    /// Title as shown.
    pub title: String,
    /// Dense artist id.
    #[serde(with = "artist_id")]
    pub artist: ArtistId,
    /// Album, where known.
    pub album: Option<String>,
    /// Genre, where known.
    pub genre: Option<String>,
    /// Language, where known (BCP 47 where the source has it).
    pub language: Option<String>,
    /// Free attributes: tags, moods, attribute ids of the source.
    pub attributes: Vec<String>,
    /// Length in milliseconds, where known.
    pub duration_ms: Option<u32>,
    /// Where the audio lies, where the catalogue has it.
    pub url: Option<String>,
}

macro_rules! transparent {
    ($module:ident, $ty:ident) => {
        mod $module {
            use super::$ty;
            use serde::{Deserialize, Deserializer, Serializer};
            pub(super) fn serialize<S: Serializer>(id: &$ty, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_u32(id.0)
            }
            pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$ty, D::Error> {
                u32::deserialize(d).map($ty)
            }
        }
    };
}
transparent!(song_id, SongId);
transparent!(artist_id, ArtistId);
