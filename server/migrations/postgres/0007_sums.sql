-- As ../0007_sums.sql.
CREATE TABLE members (
    identity  BYTEA PRIMARY KEY CHECK (length(identity) = 32),
    body      BYTEA NOT NULL,
    last_round BIGINT NOT NULL,
    seen_at   BIGINT NOT NULL
);

CREATE TABLE sums (
    round     BIGINT PRIMARY KEY,
    phase     TEXT NOT NULL,
    terms     BYTEA NOT NULL,
    cohort    BIGINT NOT NULL,
    joined    BIGINT NOT NULL DEFAULT 0,
    reported  BIGINT NOT NULL DEFAULT 0,
    beacon    BYTEA CHECK (length(beacon) = 32),
    bitmap    BYTEA,
    closes_at BIGINT NOT NULL
);

CREATE TABLE joins (
    round    BIGINT NOT NULL REFERENCES sums (round),
    identity BYTEA NOT NULL CHECK (length(identity) = 32),
    body     BYTEA,
    PRIMARY KEY (round, identity)
);

CREATE TABLE reports (
    round    BIGINT NOT NULL REFERENCES sums (round),
    identity BYTEA NOT NULL CHECK (length(identity) = 32),
    body     BYTEA NOT NULL,
    PRIMARY KEY (round, identity)
);

CREATE TABLE votes (
    round BIGINT NOT NULL REFERENCES sums (round),
    seat  BIGINT NOT NULL,
    body  BYTEA NOT NULL,
    PRIMARY KEY (round, seat)
);

CREATE TABLE disclosures (
    round BIGINT NOT NULL REFERENCES sums (round),
    seat  BIGINT NOT NULL,
    body  BYTEA NOT NULL,
    PRIMARY KEY (round, seat)
);
