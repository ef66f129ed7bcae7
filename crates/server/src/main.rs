//! The Reelmill binary: everything is a subcommand, and `reelmill` alone serves.

mod cli;
mod config;
mod data_dir;
mod first_start;
mod logging;
mod serve;
mod wiring;

fn main() -> std::process::ExitCode {
    cli::run()
}
