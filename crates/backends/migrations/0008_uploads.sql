-- Uploads that may be taken up again where they were cut.

CREATE TABLE uploads (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
