-- What an operator has set over the command line's rules; null is the command line's.
CREATE TABLE settings (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    revision    INTEGER NOT NULL,
    paused      INTEGER NOT NULL CHECK (paused IN (0, 1)),
    cohort      INTEGER,
    minimum     INTEGER,
    deadline_ms INTEGER
) STRICT;
INSERT INTO settings (id, revision, paused) VALUES (1, 0, 0);
