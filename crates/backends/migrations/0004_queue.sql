-- What the queue of jobs needs to be steered: whether it is paused. The build before goes on claiming.

CREATE TABLE pauses (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    since_ms BIGINT NOT NULL
);
