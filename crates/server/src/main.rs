//! The Reelmill binary: everything is a subcommand, and `reelmill` alone serves.

mod cli;
mod config;
mod data_dir;
mod first_start;
mod logging;
mod serve;
mod wiring;

fn main() -> std::process::ExitCode {
    // Before anything is opened or started: a child that decodes must find nothing to take with it.
    reelmill_media::become_child_if_asked();
    cli::run()
}
