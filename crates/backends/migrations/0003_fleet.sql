-- What several processes and other stores need: media by the store's own id, notices by who has to be told, and the
-- epochs of workers' names. What a build does not write keeps the meaning that it had for that build.

ALTER TABLE media ADD COLUMN fid VARCHAR(64);
CREATE INDEX media_fid ON media (fid);

ALTER TABLE notices ADD COLUMN kind VARCHAR(16) NOT NULL DEFAULT 'person';
CREATE INDEX notices_kind_due ON notices (kind, due_at_ms, id);

CREATE TABLE workers (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL
);
