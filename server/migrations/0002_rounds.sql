-- Federated rounds as a durable state machine. Every change of state is a compare-and-swap on one of these rows, in the same
-- transaction as its effects. Times are milliseconds since the Unix epoch, tensors are little-endian bytes.

-- Published versions of the shared user-tower weights. The optimiser's memory lives beside the newest version only.
CREATE TABLE weights (
    version       INTEGER PRIMARY KEY,
    dimension     INTEGER NOT NULL,
    attention     INTEGER NOT NULL,
    hidden        INTEGER NOT NULL,
    basis         TEXT    NOT NULL, -- names the song embeddings that these weights were trained over
    parameters    BLOB    NOT NULL, -- f32
    first_moment  BLOB    NOT NULL, -- f64, or empty
    second_moment BLOB    NOT NULL  -- f64, or empty
) STRICT;

CREATE TABLE rounds (
    id            INTEGER PRIMARY KEY,
    state         TEXT    NOT NULL CHECK (state IN ('open', 'closed', 'abandoned')),
    weights_from  INTEGER NOT NULL,
    weights_to    INTEGER, -- set by closing
    cohort        INTEGER NOT NULL CHECK (cohort >= 1),
    minimum       INTEGER NOT NULL CHECK (minimum BETWEEN 1 AND cohort),
    updates       INTEGER NOT NULL DEFAULT 0 CHECK (updates BETWEEN 0 AND cohort),
    extensions    INTEGER NOT NULL DEFAULT 0,
    opened_at     INTEGER NOT NULL,
    closes_at     INTEGER NOT NULL,
    closed_at     INTEGER,
    -- The plan the devices were given; a restart with other settings does not change a round that is under way.
    epochs        INTEGER NOT NULL,
    batch         INTEGER NOT NULL,
    learning_rate REAL    NOT NULL,
    negatives     INTEGER NOT NULL,
    max_examples  INTEGER NOT NULL,
    clip_norm     REAL    NOT NULL
) STRICT;

-- At most one round is open: opening is an insert that this index lets only one coordinator win.
CREATE UNIQUE INDEX rounds_one_open ON rounds (state) WHERE state = 'open';

-- The updates of the open round. Closing empties `body`: the key stays a while, so that a device whose receipt got lost can ask
-- again and hear "already counted".
CREATE TABLE updates (
    round INTEGER NOT NULL REFERENCES rounds (id),
    key   BLOB    NOT NULL CHECK (length(key) = 16),
    body  BLOB, -- f32
    PRIMARY KEY (round, key)
) STRICT;
