-- A round has more states than open and ended: while its sum is made it takes no update, and has not ended. So the names of the
-- states are the program's affair, and "one at a time" means: one that has not ended. SQLite changes a check only in a new table.
CREATE TABLE rounds_next (
    id            INTEGER PRIMARY KEY,
    state         TEXT    NOT NULL,
    weights_from  INTEGER NOT NULL,
    weights_to    INTEGER, -- set by closing
    cohort        INTEGER NOT NULL CHECK (cohort >= 1),
    minimum       INTEGER NOT NULL CHECK (minimum BETWEEN 1 AND cohort),
    updates       INTEGER NOT NULL DEFAULT 0 CHECK (updates BETWEEN 0 AND cohort),
    extensions    INTEGER NOT NULL DEFAULT 0,
    opened_at     INTEGER NOT NULL,
    closes_at     INTEGER NOT NULL,
    closed_at     INTEGER,
    epochs        INTEGER NOT NULL,
    batch         INTEGER NOT NULL,
    learning_rate REAL    NOT NULL,
    negatives     INTEGER NOT NULL,
    max_examples  INTEGER NOT NULL,
    clip_norm     REAL    NOT NULL
) STRICT;
INSERT INTO rounds_next SELECT id, state, weights_from, weights_to, cohort, minimum, updates, extensions, opened_at, closes_at,
    closed_at, epochs, batch, learning_rate, negatives, max_examples, clip_norm FROM rounds;

CREATE TABLE updates_next (
    round INTEGER NOT NULL REFERENCES rounds_next (id),
    key   BLOB    NOT NULL CHECK (length(key) = 16),
    body  BLOB, -- f32
    PRIMARY KEY (round, key)
) STRICT;
INSERT INTO updates_next SELECT round, key, body FROM updates;

DROP TABLE updates;
DROP TABLE rounds;
ALTER TABLE rounds_next RENAME TO rounds;
ALTER TABLE updates_next RENAME TO updates;

-- At most one round is under way: opening is an insert that this index lets only one coordinator win.
CREATE UNIQUE INDEX rounds_one_live ON rounds ((closed_at IS NULL)) WHERE closed_at IS NULL;

-- Which process does a piece of work that all could do.
CREATE TABLE leases (
    work       TEXT    PRIMARY KEY,
    owner      BLOB    NOT NULL CHECK (length(owner) = 16),
    expires_at INTEGER NOT NULL
) STRICT;
