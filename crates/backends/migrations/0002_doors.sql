-- What the music bot's, the video site's and the tasks' doors need. As before: records in `body`, beside it what
-- they are looked up by. A job without a media has the empty text for its media's id.

INSERT INTO sequences (name, given) VALUES ('videos', 0);
INSERT INTO sequences (name, given) VALUES ('tasks', 0);

-- `title` is the first 255 characters of the title in lower case, so that an index holds it; `title_rest` is what follows.
CREATE TABLE songs (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    source_id VARCHAR(255) NOT NULL,
    title VARCHAR(255) NOT NULL,
    title_rest TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX songs_source ON songs (source_id);
CREATE INDEX songs_title ON songs (title);

CREATE TABLE operations (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- `thumbnail` is NULL where none was announced: a unique index lets many of those be.
CREATE TABLE videos (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    thumbnail VARCHAR(36),
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX videos_number ON videos (number);
CREATE UNIQUE INDEX videos_thumbnail ON videos (thumbnail);

-- Names are at most 255 bytes; a result's may be a little longer than its original's.
CREATE TABLE tasks (
    number BIGINT NOT NULL PRIMARY KEY,
    account VARCHAR(36) NOT NULL,
    name VARCHAR(320) NOT NULL,
    result_name VARCHAR(320) NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX tasks_account ON tasks (account, number);
CREATE INDEX tasks_name ON tasks (account, name, number);
CREATE INDEX tasks_result_name ON tasks (account, result_name, number);
