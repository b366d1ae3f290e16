-- As ../0005_log.sql.
CREATE TABLE versions (
    version   BIGINT PRIMARY KEY,
    record    BYTEA NOT NULL CHECK (length(record) = 152),
    signature BYTEA NOT NULL CHECK (length(signature) = 64)
);

CREATE TABLE signing_key (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    public BYTEA NOT NULL CHECK (length(public) = 32),
    secret BYTEA CHECK (length(secret) = 32)
);
