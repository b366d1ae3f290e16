-- As ../0009_items.sql.
CREATE TABLE item_towers (
    version  BIGINT NOT NULL,
    scenario BIGINT NOT NULL,
    part     BIGINT NOT NULL,
    body     BYTEA NOT NULL,
    PRIMARY KEY (version, scenario, part)
);

CREATE TABLE blocks (
    version BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    digest  BYTEA NOT NULL CHECK (length(digest) = 32),
    numbers BIGINT NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (version, place)
);

-- How strongly devices are drawn back to the weights they began with (FedProx); 0 in rounds from before.
ALTER TABLE rounds ADD COLUMN proximal DOUBLE PRECISION NOT NULL DEFAULT 0;
