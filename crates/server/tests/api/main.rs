//! The real router over memory backends: every route, every shape of an error, every rule for browsers.

#![expect(clippy::unwrap_used, reason = "tests")]

mod browser;
mod content;
mod convert;
mod converter;
mod documents;
mod errors;
mod events;
mod handout;
mod health;
mod imports;
mod jobs;
mod media;
mod mill;
mod music;
mod music_socket;
mod queue;
mod session;
mod site;
mod socket;
mod spring;
mod upload;
mod uploads;
mod users;
mod videos;
mod webhooks;
