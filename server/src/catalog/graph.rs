//! Knowledge-graph triples about songs (rows R7, R8).

use sottovoce::ids::SongId;

/// An entity of the graph; dense, from 0. Songs that the graph knows have an entity of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityId(pub u32);

/// (head, relation, tail).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Triple {
    /// Subject.
    pub head: EntityId,
    /// Index into [`Graph::relations`].
    pub relation: u32,
    /// Object.
    pub tail: EntityId,
}

/// A knowledge graph and its tie to the catalogue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Names of the entities, by [`EntityId`].
    pub entities: Vec<String>,
    /// Names of the relations.
    pub relations: Vec<String>,
    /// The triples, sorted, without repeats.
    pub triples: Vec<Triple>,
    /// Which entity a song is, sorted by song.
    pub links: Vec<(SongId, EntityId)>,
}
