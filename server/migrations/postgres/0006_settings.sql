-- As ../0006_settings.sql.
CREATE TABLE settings (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    revision    BIGINT NOT NULL,
    paused      BIGINT NOT NULL CHECK (paused IN (0, 1)),
    cohort      BIGINT,
    minimum     BIGINT,
    deadline_ms BIGINT
);
INSERT INTO settings (id, revision, paused) VALUES (1, 0, 0);
