//! From rows with the source's names to a [`Dataset`] with dense ids.

use crate::catalog::{EntityId, Graph, Song, Triple};
use crate::data::error::DataError;
use crate::data::{Clock, Dataset, ListenerId, LoggedEvent};
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::session::Feedback;
use std::collections::HashMap;

/// Two events further apart than this belong to two sessions.
pub(super) const SESSION_GAP_MS: u64 = 30 * 60 * 1000;

/// Dense numbers for names, in order of first appearance.
#[derive(Default)]
struct Names {
    ids: HashMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    fn get(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    fn intern(&mut self, name: &str, what: &'static str) -> Result<u32, DataError> {
        if let Some(id) = self.get(name) {
            return Ok(id);
        }
        let id = u32::try_from(self.list.len()).map_err(|_| DataError::TooMany { what })?;
        self.ids.insert(name.to_owned(), id);
        self.list.push(name.to_owned());
        Ok(id)
    }
}

/// What a source says of a song; everything but the key may be unknown.
#[derive(Default)]
pub(super) struct NewSong<'a> {
    pub(super) key: &'a str,
    /// Empty: made from the key.
    pub(super) title: &'a str,
    /// The source's id of the artist (or the name where names are the ids); empty: an artist of its own, because one
    /// shared "unknown" would make the same-artist rules forbid nearly everything.
    pub(super) artist_key: &'a str,
    /// Empty: the key.
    pub(super) artist: &'a str,
    pub(super) album: &'a str,
    pub(super) genre: &'a str,
    pub(super) language: &'a str,
    pub(super) attributes: Vec<String>,
    pub(super) duration_ms: Option<u32>,
    pub(super) url: &'a str,
}

/// A row of a log whose song and listener are already known.
pub(super) struct NewEvent {
    pub(super) listener: ListenerId,
    pub(super) song: SongId,
    pub(super) at: u64,
    pub(super) feedback: Feedback,
    pub(super) plays: u32,
    pub(super) played: Option<(u32, u32)>,
}

/// Collects rows; [`Builder::finish`] sorts them.
#[derive(Default)]
pub(super) struct Builder {
    songs: Vec<Song>,
    song_ids: HashMap<String, SongId>,
    artists: Names,
    artist_names: Vec<String>,
    listeners: Names,
    events: Vec<LoggedEvent>,
    friends: Vec<(ListenerId, ListenerId)>,
    entities: Names,
    relations: Names,
    triples: Vec<Triple>,
    links: Vec<(SongId, EntityId)>,
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl Builder {
    /// The song with this key.
    pub(super) fn song(&self, key: &str) -> Option<SongId> {
        self.song_ids.get(key).copied()
    }

    /// The song itself, to complete it.
    pub(super) fn song_mut(&mut self, id: SongId) -> &mut Song {
        &mut self.songs[id.0 as usize]
    }

    /// Adds a song; `None` where its key is taken.
    pub(super) fn add_song(&mut self, new: NewSong<'_>) -> Result<Option<SongId>, DataError> {
        if self.song_ids.contains_key(new.key) {
            return Ok(None);
        }
        let id = SongId(u32::try_from(self.songs.len()).map_err(|_| DataError::TooMany { what: "songs" })?);
        // A key of its own cannot meet a real artist's: no source has a line break in a name.
        let own = format!("\n{}", new.key);
        let artist = self.artists.intern(if new.artist_key.is_empty() { &own } else { new.artist_key }, "artists")?;
        if artist as usize == self.artist_names.len() {
            self.artist_names.push(match (new.artist, new.artist_key) {
                ("", "") => format!("Unknown artist of {}", new.key),
                ("", key) => key.to_owned(),
                (name, _) => name.to_owned(),
            });
        }
        self.songs.push(Song {
            id,
            key: new.key.to_owned(),
            title: if new.title.is_empty() { format!("Song {}", new.key) } else { new.title.to_owned() },
            artist: ArtistId(artist),
            album: known(new.album),
            genre: known(new.genre),
            language: known(new.language),
            attributes: new.attributes,
            duration_ms: new.duration_ms,
            url: known(new.url),
        });
        self.song_ids.insert(new.key.to_owned(), id);
        Ok(Some(id))
    }

    /// The song with this key, added with nothing known of it where it is new.
    pub(super) fn bare_song(&mut self, key: &str) -> Result<SongId, DataError> {
        match self.song(key) {
            Some(id) => Ok(id),
            None => Ok(self.add_song(NewSong { key, ..NewSong::default() })?.unwrap_or_default()),
        }
    }

    /// The listener with this key, if there is one.
    pub(super) fn known_listener(&self, key: &str) -> Option<ListenerId> {
        self.listeners.get(key).map(ListenerId)
    }

    /// The listener with this key, new or not.
    pub(super) fn listener(&mut self, key: &str) -> Result<ListenerId, DataError> {
        self.listeners.intern(key, "listeners").map(ListenerId)
    }

    /// Adds a row of the log.
    pub(super) fn event(&mut self, new: NewEvent) {
        self.events.push(LoggedEvent {
            listener: new.listener,
            song: new.song,
            at: Millis(new.at),
            feedback: new.feedback,
            plays: new.plays,
            played: new.played,
            session: 0,
        });
    }

    /// Adds a pair of friends, whichever way round.
    pub(super) fn friends(&mut self, a: ListenerId, b: ListenerId) {
        self.friends.push((a.min(b), a.max(b)));
    }

    /// Adds a fact of the graph.
    pub(super) fn triple(&mut self, head: &str, relation: &str, tail: &str) -> Result<(), DataError> {
        let head = EntityId(self.entities.intern(head, "entities")?);
        let relation = self.relations.intern(relation, "relations")?;
        let tail = EntityId(self.entities.intern(tail, "entities")?);
        self.triples.push(Triple { head, relation, tail });
        Ok(())
    }

    /// Says which entity a song is.
    pub(super) fn link(&mut self, song: SongId, entity: &str) -> Result<(), DataError> {
        let entity = EntityId(self.entities.intern(entity, "entities")?);
        self.links.push((song, entity));
        Ok(())
    }

    /// Sorts, numbers the sessions, and hands the data set over.
    pub(super) fn finish(mut self, name: String, clock: Clock) -> Dataset {
        // Stable: rows with equal times keep the source's order.
        match clock {
            Clock::Real => self.events.sort_by_key(|e| (e.listener, e.at)),
            Clock::OrderOnly | Clock::None => self.events.sort_by_key(|e| e.listener),
        }
        let (mut listener, mut at, mut session, mut place) = (None, Millis(0), 0, 0);
        for event in &mut self.events {
            if listener != Some(event.listener) {
                (listener, session, place) = (Some(event.listener), 0, 0);
            } else if clock == Clock::Real && event.at.since(at) > SESSION_GAP_MS {
                session += 1;
            }
            match clock {
                Clock::Real => at = event.at,
                Clock::OrderOnly => event.at = Millis(1000 * place),
                Clock::None => event.at = Millis(0),
            }
            (event.session, place) = (session, place + 1);
        }
        self.friends.sort_unstable();
        self.friends.dedup();
        self.triples.sort_unstable();
        self.triples.dedup();
        self.links.sort_unstable();
        self.links.dedup();
        Dataset {
            name,
            songs: self.songs,
            artists: self.artist_names,
            listeners: self.listeners.list,
            events: self.events,
            clock,
            graph: Graph {
                entities: self.entities.list,
                relations: self.relations.list,
                triples: self.triples,
                links: self.links,
            },
            friends: self.friends,
        }
    }
}
