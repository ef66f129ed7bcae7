//! The verbs over memory backends, with an injected clock, paused time and, where it says so, faults by seed.

mod broker;
mod caps;
mod carrying;
mod feed;
mod identity;
mod ingest;
mod jobs;
mod moving;
mod notices;
mod passing;
mod queue;
mod queues;
mod races;
mod songs;
mod tasks;
mod turns;
mod videos;
mod weather;
mod world;
