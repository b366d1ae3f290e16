-- As ../0008_secure_rounds.sql.
ALTER TABLE rounds ADD COLUMN noise DOUBLE PRECISION;
ALTER TABLE rounds ADD COLUMN steps BIGINT;

CREATE TABLE account (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    body BYTEA NOT NULL
);
