-- The catalogue, the log, and what was learned from them. One state file holds one data set; its ids are the dense ids of
-- the data set in memory, so that they are also the rows of every matrix learned from it.

CREATE TABLE dataset (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    name TEXT NOT NULL,
    clock TEXT NOT NULL CHECK (clock IN ('real', 'order', 'none')),
    hash TEXT NOT NULL,             -- SHA-256 of the content, in hex
    imported_at BIGINT NOT NULL     -- ms since 1970
);

CREATE TABLE artists (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE songs (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    artist INTEGER NOT NULL REFERENCES artists (id),
    album TEXT,
    genre TEXT,
    language TEXT,
    attributes TEXT NOT NULL,       -- a JSON array of texts
    duration_ms BIGINT,
    url TEXT
);

CREATE TABLE listeners (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,         -- the place in the log: by listener, then time, then the order of the source
    listener INTEGER NOT NULL REFERENCES listeners (id),
    song INTEGER NOT NULL REFERENCES songs (id),
    at BIGINT NOT NULL,             -- ms; what they mean is dataset.clock
    behaviour INTEGER NOT NULL CHECK (behaviour BETWEEN 0 AND 3), -- skip, complete, like, dislike
    heard DOUBLE PRECISION,         -- of a skip: the share heard
    plays BIGINT NOT NULL,
    played_ms BIGINT,
    total_ms BIGINT,
    session BIGINT NOT NULL
);

CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE relations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE triples (
    head INTEGER NOT NULL REFERENCES entities (id),
    relation INTEGER NOT NULL REFERENCES relations (id),
    tail INTEGER NOT NULL REFERENCES entities (id),
    PRIMARY KEY (head, relation, tail)
);

CREATE TABLE links (
    song INTEGER NOT NULL REFERENCES songs (id),
    entity INTEGER NOT NULL REFERENCES entities (id),
    PRIMARY KEY (song, entity)
);

CREATE TABLE friends (
    a INTEGER NOT NULL REFERENCES listeners (id),
    b INTEGER NOT NULL REFERENCES listeners (id),
    PRIMARY KEY (a, b),
    CHECK (a < b)
);

CREATE TABLE artefacts (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL,        -- of the artefact's layout
    bytes BLOB NOT NULL,
    made_at BIGINT NOT NULL         -- ms since 1970
);
