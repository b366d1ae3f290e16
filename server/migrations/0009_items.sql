-- Vertical rounds: the item towers as the newest weights have them, and the blocks of songs that rounds from these weights are about.
CREATE TABLE item_towers (
    version  INTEGER NOT NULL, -- of the weights
    scenario INTEGER NOT NULL,
    part     INTEGER NOT NULL, -- a tower is cut into parts: no row is larger than 16 MiB
    body     BLOB NOT NULL,
    PRIMARY KEY (version, scenario, part)
) STRICT;

CREATE TABLE blocks (
    version INTEGER NOT NULL,
    place   INTEGER NOT NULL, -- from 0
    digest  BLOB NOT NULL CHECK (length(digest) = 32),
    numbers INTEGER NOT NULL, -- that an update holds about it
    body    BLOB NOT NULL, -- sottovoce::protocol::CandidateBlock, as it travels
    PRIMARY KEY (version, place)
) STRICT;

-- How strongly devices are drawn back to the weights they began with (FedProx); 0 in rounds from before.
ALTER TABLE rounds ADD COLUMN proximal REAL NOT NULL DEFAULT 0;
