//! What it costs to read a film out of a store that is a network away: our own way beside the two plain ones.
//!
//! `store_reading STORE FILM ROUNDS`, with the URL of a bucket of S3 (with `endpoint`, over plain HTTP). The film is put there,
//! and then the fault proxy stands before the store: 20 ms there and back, 50 MB a second. Each round makes an mp3 of the film as
//! a worker does it (the converter port over the object store), out of one read of the whole object, and out of a request
//! for each stretch of audio, one after the other. What comes out stays in memory, so that reading alone is what differs.
//!
//! A line of JSON a round says the seconds, the requests for bytes of the object, and the bytes that came over the line, of ours
//! and of the faster of the plain two. The stretches are given up once they take longer than the whole read did.

mod count;
mod film;
mod line;
mod ranges;
mod turn;
mod whole;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use film::Film;
use line::Line;
use turn::Turn;

type Failure = Box<dyn Error + Send + Sync>;

/// From a question to the first byte of its answer.
const AWAY: Duration = Duration::from_millis(20);
const BYTES_PER_SECOND: u64 = 50_000_000;
/// A bit reservoir that was spliced may leave some bytes more or less.
const SIZES_DIFFER_BY: f64 = 0.01;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("store_reading STORE FILM ROUNDS");
    let (url, path, rounds) = (argument()?, argument()?, argument()?.parse()?);
    let line = Line::to(&url)?;
    let film = Film::put(line.url(), Path::new(&path)).await?;
    line.lengthen(AWAY, BYTES_PER_SECOND);
    let taken = take_turns(&film, &line, rounds).await;
    film.discard().await?;
    taken
}

/// The first round warms all up and is not printed.
async fn take_turns(film: &Film, line: &Line, rounds: u32) -> Result<(), Failure> {
    for round in 0..=rounds {
        let is_first = round % 2 == 0;
        let before = if is_first { Some(turn::ours(film, line).await?) } else { None };
        let whole = turn::whole(film, line).await?;
        let ranges = turn::ranges(film, line, whole.seconds).await?;
        let ours = match before {
            Some(ours) => ours,
            None => turn::ours(film, line).await?,
        };
        same(&ours, &whole)?;
        let told = ranges.as_ref().map_or_else(|| "given up".to_owned(), ToString::to_string);
        println!("round {round}: whole {whole}, ranges {told}");
        let plain = ranges.filter(|ranges| ranges.seconds < whole.seconds).unwrap_or(whole);
        if round > 0 {
            println!("{{\"ours\":{ours},\"plain\":{plain}}}");
        }
    }
    Ok(())
}

/// Holds that both have made the same mp3.
#[expect(clippy::cast_precision_loss, reason = "sizes that are compared as shares")]
fn same(ours: &Turn, plain: &Turn) -> Result<(), Failure> {
    let share = ours.made.bytes as f64 / plain.made.bytes.max(1) as f64;
    if ours.made.duration_ms != plain.made.duration_ms || (share - 1.0).abs() > SIZES_DIFFER_BY {
        return Err(format!("ours made {:?} of it and the plain read {:?}", ours.made, plain.made).into());
    }
    Ok(())
}
