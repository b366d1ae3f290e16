-- The tower has several interests and experts now. Weights stored before are of another length and are refused as such.
ALTER TABLE weights ADD COLUMN interests INTEGER NOT NULL DEFAULT 4;
ALTER TABLE weights ADD COLUMN experts INTEGER NOT NULL DEFAULT 3;
ALTER TABLE weights ADD COLUMN extraction INTEGER NOT NULL DEFAULT 1;
