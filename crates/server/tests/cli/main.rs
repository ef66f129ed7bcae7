//! The real binary's command line: conversions, probes, settings, accounts, and how each refusal reads.

mod accounts;
mod convert;
mod health;
mod mill;
mod settings;
mod sine;
mod sources;
