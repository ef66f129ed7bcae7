-- What changed last, so that who follows jobs can go on where it was cut off. What a build before this one writes keeps
-- the moment that it had.

ALTER TABLE jobs ADD COLUMN changed_at_ms BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_changed ON jobs (changed_at_ms, id);
CREATE INDEX jobs_account_changed ON jobs (account, changed_at_ms, id);
