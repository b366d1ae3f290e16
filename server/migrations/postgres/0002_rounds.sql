-- The rounds' tables in PostgreSQL, as ../0002_rounds.sql and ../0003_tower.sql make them in SQLite: same names, same columns. Times
-- are milliseconds since the Unix epoch, tensors are little-endian bytes.

CREATE TABLE weights (
    version       BIGINT PRIMARY KEY,
    dimension     BIGINT NOT NULL,
    attention     BIGINT NOT NULL,
    hidden        BIGINT NOT NULL,
    basis         TEXT   NOT NULL, -- names the song embeddings that these weights were trained over
    parameters    BYTEA  NOT NULL, -- f32
    first_moment  BYTEA  NOT NULL, -- f64, or empty
    second_moment BYTEA  NOT NULL, -- f64, or empty
    interests     BIGINT NOT NULL,
    experts       BIGINT NOT NULL,
    extraction    BIGINT NOT NULL
);

CREATE TABLE rounds (
    id            BIGINT PRIMARY KEY,
    state         TEXT   NOT NULL,
    weights_from  BIGINT NOT NULL,
    weights_to    BIGINT, -- set by closing
    cohort        BIGINT NOT NULL CHECK (cohort >= 1),
    minimum       BIGINT NOT NULL CHECK (minimum BETWEEN 1 AND cohort),
    updates       BIGINT NOT NULL DEFAULT 0 CHECK (updates BETWEEN 0 AND cohort),
    extensions    BIGINT NOT NULL DEFAULT 0,
    opened_at     BIGINT NOT NULL,
    closes_at     BIGINT NOT NULL,
    closed_at     BIGINT,
    epochs        BIGINT NOT NULL,
    batch         BIGINT NOT NULL,
    learning_rate DOUBLE PRECISION NOT NULL,
    negatives     BIGINT NOT NULL,
    max_examples  BIGINT NOT NULL,
    clip_norm     DOUBLE PRECISION NOT NULL
);

-- At most one round is under way: opening is an insert that this index lets only one coordinator win.
CREATE UNIQUE INDEX rounds_one_live ON rounds ((closed_at IS NULL)) WHERE closed_at IS NULL;

CREATE TABLE updates (
    round BIGINT NOT NULL REFERENCES rounds (id),
    key   BYTEA  NOT NULL CHECK (length(key) = 16),
    body  BYTEA, -- f32
    PRIMARY KEY (round, key)
);
