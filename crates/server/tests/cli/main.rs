//! The real binary's command line: conversions, probes, settings, accounts, and how each refusal reads.

mod accounts;
mod check;
mod convert;
mod health;
mod mill;
mod moving;
mod settings;
mod sine;
mod sources;
