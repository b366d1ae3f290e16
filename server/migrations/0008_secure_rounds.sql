-- Rounds whose sum the server cannot open, and what all of them cost together.
ALTER TABLE rounds ADD COLUMN noise REAL; -- the noise multiplier z; none: updates come in the open
ALTER TABLE rounds ADD COLUMN steps INTEGER; -- of the grid per 1.0

CREATE TABLE account ( -- of a listener who was in every round
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    body BLOB NOT NULL -- sottovoce::privacy::accountant::Account, as it is stored
) STRICT;
