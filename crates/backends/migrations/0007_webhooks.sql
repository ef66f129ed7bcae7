-- Webhooks, and what each of them was sent. A delivery that is not to be tried any more has no due time.

CREATE TABLE webhooks (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    owner VARCHAR(36) NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX webhooks_owner ON webhooks (owner, id);

CREATE TABLE deliveries (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    webhook VARCHAR(36) NOT NULL,
    due_at_ms BIGINT,
    expires_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX deliveries_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_due ON deliveries (due_at_ms, id);
CREATE INDEX deliveries_expiry ON deliveries (expires_at_ms);
