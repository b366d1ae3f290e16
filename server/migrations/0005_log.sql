-- The public log of the weights, and the key that signs it.
CREATE TABLE versions (
    version   INTEGER PRIMARY KEY,
    record    BLOB NOT NULL CHECK (length(record) = 152), -- as sottovoce::protocol::VersionRecord writes it
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

CREATE TABLE signing_key (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    public BLOB NOT NULL CHECK (length(public) = 32),
    secret BLOB CHECK (length(secret) = 32) -- none where the key is given by a file
) STRICT;
