-- Secure sums: what a server keeps of rounds whose updates it cannot open.
CREATE TABLE members ( -- who offers to serve on committees
    identity  BLOB PRIMARY KEY CHECK (length(identity) = 32),
    body      BLOB NOT NULL, -- sottovoce::secagg::Enlistment, as it travelled
    last_round INTEGER NOT NULL, -- serves up to this one
    seen_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE sums (
    round     INTEGER PRIMARY KEY,
    phase     TEXT NOT NULL, -- joining, reporting, opening, summed, abandoned
    terms     BLOB NOT NULL, -- sottovoce::secagg::SignedTerms, as it travels
    cohort    INTEGER NOT NULL,
    joined    INTEGER NOT NULL DEFAULT 0,
    reported  INTEGER NOT NULL DEFAULT 0,
    beacon    BLOB CHECK (length(beacon) = 32), -- once the roster is closed
    bitmap    BLOB, -- who reported, once that is settled
    closes_at INTEGER NOT NULL -- this phase
) STRICT;

CREATE TABLE joins (
    round    INTEGER NOT NULL REFERENCES sums (round),
    identity BLOB NOT NULL CHECK (length(identity) = 32),
    body     BLOB, -- sottovoce::secagg::Join; none when the round has ended
    PRIMARY KEY (round, identity)
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
    round    INTEGER NOT NULL REFERENCES sums (round),
    identity BLOB NOT NULL CHECK (length(identity) = 32),
    body     BLOB NOT NULL, -- sottovoce::secagg::Report
    PRIMARY KEY (round, identity)
) STRICT;

CREATE TABLE votes (
    round INTEGER NOT NULL REFERENCES sums (round),
    seat  INTEGER NOT NULL,
    body  BLOB NOT NULL, -- sottovoce::secagg::Vote
    PRIMARY KEY (round, seat)
) STRICT;

CREATE TABLE disclosures (
    round INTEGER NOT NULL REFERENCES sums (round),
    seat  INTEGER NOT NULL,
    body  BLOB NOT NULL, -- sottovoce::secagg::Disclosure
    PRIMARY KEY (round, seat)
) STRICT;
