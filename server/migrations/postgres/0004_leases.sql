-- As ../0004_leases.sql; the rounds' table is that of 0002 already.
CREATE TABLE leases (
    work       TEXT   PRIMARY KEY,
    owner      BYTEA  NOT NULL CHECK (length(owner) = 16),
    expires_at BIGINT NOT NULL
);
