//! The fingerprint of a data set's content: equal content, equal hash, whatever file it came from.

use super::Dataset;
use super::schema::Clock;
use sha2::{Digest, Sha256};
use sottovoce::session::Feedback;
use std::fmt;

/// SHA-256 of a data set's content, its name included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// Every part goes in behind its length, so that no two data sets run together to the same bytes.
struct Ink(Sha256);

impl Ink {
    fn number(&mut self, value: u64) {
        self.0.update(value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }

    fn maybe(&mut self, text: Option<&String>) {
        self.number(u64::from(text.is_some()));
        self.text(text.map_or("", String::as_str));
    }
}

impl Dataset {
    /// The hash of everything in this data set.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        let mut ink = Ink(Sha256::new());
        ink.text("sottovoce data set 1");
        ink.text(&self.name);
        ink.number(match self.clock {
            Clock::Real => 0,
            Clock::OrderOnly => 1,
            Clock::None => 2,
        });
        ink.texts(&self.artists);
        ink.texts(&self.listeners);
        ink.number(self.songs.len() as u64);
        for song in &self.songs {
            ink.text(&song.key);
            ink.text(&song.title);
            ink.number(song.artist.0.into());
            for text in [&song.album, &song.genre, &song.language, &song.url] {
                ink.maybe(text.as_ref());
            }
            ink.texts(&song.attributes);
            ink.number(song.duration_ms.map_or(u64::MAX, u64::from));
        }
        ink.number(self.events.len() as u64);
        for event in &self.events {
            ink.number(u64::from(event.listener.0) << 32 | u64::from(event.song.0));
            ink.number(event.at.0);
            let heard = if let Feedback::Skip { heard } = event.feedback { heard.get().to_bits() } else { 0 };
            ink.number((event.feedback.behaviour() as u64) << 32 | u64::from(heard));
            ink.number(u64::from(event.plays) << 32 | u64::from(event.session));
            // No play has a total of 2³²−1 ms and is heard for as long: it may stand for "not known".
            let (played, total) = event.played.unwrap_or((u32::MAX, u32::MAX));
            ink.number(u64::from(played) << 32 | u64::from(total));
        }
        ink.texts(&self.graph.entities);
        ink.texts(&self.graph.relations);
        ink.number(self.graph.triples.len() as u64);
        for triple in &self.graph.triples {
            ink.number(u64::from(triple.head.0) << 32 | u64::from(triple.tail.0));
            ink.number(triple.relation.into());
        }
        ink.number(self.graph.links.len() as u64);
        self.graph.links.iter().for_each(|(song, entity)| ink.number(u64::from(song.0) << 32 | u64::from(entity.0)));
        ink.number(self.friends.len() as u64);
        self.friends.iter().for_each(|(a, b)| ink.number(u64::from(a.0) << 32 | u64::from(b.0)));
        ContentHash(ink.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{SyntheticConfig, synthetic};

    #[test]
    fn any_change_changes_the_hash() {
        let config = SyntheticConfig { listeners: 3, songs: 20, artists: 4, events: 40, ..SyntheticConfig::default() };
        let data = synthetic(&config);
        let hash = data.content_hash();
        assert_eq!(hash, synthetic(&config).content_hash());
        assert_eq!(hash.to_string().len(), 64);
        let changed = |change: fn(&mut crate::data::Dataset)| {
            let mut other = data.clone();
            change(&mut other);
            other.content_hash()
        };
        let hashes = [
            changed(|d| d.name.push('x')),
            changed(|d| d.songs[3].album = None),
            changed(|d| d.events[5].plays += 1),
            changed(|d| d.events[5].played = None),
            changed(|d| d.friends.push((crate::data::ListenerId(0), crate::data::ListenerId(1)))),
            changed(|d| d.graph.entities.push(String::new())),
        ];
        assert!(hashes.iter().all(|other| *other != hash));
    }
}
