-- Records are JSON in `body`; beside it stands only what they are looked up by or changed without a rewrite.
-- Ids are UUIDs as text, times milliseconds since 1970, the text columns compared byte by byte.

CREATE TABLE users (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX users_number ON users (number);

-- Addresses and names in lower case: one table, so that no name can be another's address.
CREATE TABLE logins (
    login VARCHAR(512) NOT NULL PRIMARY KEY,
    user_id VARCHAR(36) NOT NULL
);
CREATE INDEX logins_user ON logins (user_id);

CREATE TABLE sequences (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    given BIGINT NOT NULL
);
INSERT INTO sequences (name, given) VALUES ('users', 0);

CREATE TABLE api_keys (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    user_id VARCHAR(36) NOT NULL,
    secret_hash VARCHAR(64) NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX api_keys_secret ON api_keys (secret_hash);
CREATE INDEX api_keys_user ON api_keys (user_id, id);

CREATE TABLE ended_tokens (
    jti VARCHAR(128) NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX ended_tokens_expiry ON ended_tokens (expires_at_ms);

CREATE TABLE media (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    owner VARCHAR(36) NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX media_owner ON media (owner, id);

-- `due_at_ms` is the due time of a queued job and 0 of any other; `token` is the running claim's, else empty.
CREATE TABLE jobs (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    account VARCHAR(36) NOT NULL,
    media_id VARCHAR(36) NOT NULL,
    state VARCHAR(16) NOT NULL,
    priority BIGINT NOT NULL,
    due_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    token VARCHAR(64) NOT NULL,
    beats BIGINT NOT NULL,
    progress DOUBLE PRECISION NOT NULL,
    stage VARCHAR(16) NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX jobs_due ON jobs (state, priority, due_at_ms, id);
CREATE INDEX jobs_state ON jobs (state, id);
CREATE INDEX jobs_account ON jobs (account, id);
CREATE INDEX jobs_account_state ON jobs (account, state, id);
CREATE INDEX jobs_media ON jobs (media_id, id);

-- How many jobs are in a state, kept with every commit and spread so that no row is in everybody's way.
CREATE TABLE job_counts (
    state VARCHAR(16) NOT NULL,
    shard BIGINT NOT NULL,
    jobs BIGINT NOT NULL,
    PRIMARY KEY (state, shard)
);
INSERT INTO job_counts (state, shard, jobs)
SELECT states.name, shards.number, 0
FROM (
    SELECT 'queued' AS name UNION ALL SELECT 'running' UNION ALL SELECT 'cancelling'
    UNION ALL SELECT 'done' UNION ALL SELECT 'failed' UNION ALL SELECT 'cancelled'
) AS states
CROSS JOIN (
    SELECT 0 AS number UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
    UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
) AS shards;

CREATE TABLE outputs (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    fid VARCHAR(64) NOT NULL,
    media_id VARCHAR(36) NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX outputs_fid ON outputs (fid);
CREATE INDEX outputs_media ON outputs (media_id, id);

CREATE TABLE intents (
    object_key VARCHAR(768) NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    condemned BIGINT NOT NULL,
    beats BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE receipts (
    scope VARCHAR(256) NOT NULL,
    receipt_key VARCHAR(256) NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scope, receipt_key)
);
CREATE INDEX receipts_expiry ON receipts (expires_at_ms);

CREATE TABLE notices (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    due_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX notices_due ON notices (due_at_ms, id);
