//! Real music and speech on one long tape, and every input a stretch of it that no other of its work has.
//!
//! A tape is an hour and more of what packages ship: 45 seconds of music, 15 of speech, and so on. What a round converts
//! is cut from it and encoded before anything is measured, with a film's own picture where the work is a film's.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::work::Input;
use crate::corpus;
use crate::debian::Apt;
use crate::origins::Package;
use crate::place::{Place, emptied};
use crate::program::Program;

/// Packages whose sound goes onto the tape beside the corpus: a game's music, and a telephone system's voice.
const MUSIC: Package = Package::Debian { name: "singularity-music" };
const SPEECH: Package = Package::Debian { name: "asterisk-core-sounds-en-g722" };
/// What of the corpus is music, and long.
const CORPUS: [&str; 8] = [
    "frozen-bubble/frozen-mainzik-1p.ogg",
    "moviepy/bbb.mp4",
    "frozen-bubble/frozen-mainzik-2p.ogg",
    "asc/frontiers.mp3",
    "frozen-bubble/introzik.ogg",
    "asc/machine_wars.mp3",
    "hachoir/interlude_david_aubrun.ogg",
    "asc/time_to_strike.mp3",
];
/// The film whose picture goes with other sound.
const FILM: &str = "moviepy/bbb.mp4";

/// The tape's samples: two channels of 16 bits.
const TAPE: [&str; 6] = ["-f", "s16le", "-ar", "44100", "-ac", "2"];
const TAPE_BYTES_PER_SECOND: u64 = 44_100 * 4;
const MUSIC_S: u64 = 45;
const SPEECH_S: u64 = 15;
/// Of what a clip is long.
const CLIP_S: u32 = 2;

/// The tape, and where inputs go.
pub(crate) struct Material {
    tape: PathBuf,
    tape_s: u64,
    film: PathBuf,
    folder: PathBuf,
}

/// How much of the tape an input takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    /// Of a film, and of a `WebM`.
    pub(crate) film_s: u32,
    /// Of an mp3.
    pub(crate) song_s: u32,
    pub(crate) clips: u32,
}

impl Material {
    /// Makes the tape where it is not there yet; inputs will go to `folder`.
    pub(crate) fn gather(place: &Place, folder: PathBuf) -> Result<Self> {
        let home = place.bench();
        let tape = home.join("tape.s16");
        if !tape.is_file() {
            println!("gathering music and speech");
            record(place, &home, &tape)?;
        }
        let tape_s = fs::metadata(&tape).context("the tape is not there")?.len() / TAPE_BYTES_PER_SECOND;
        emptied(&folder)?;
        Ok(Self { tape, tape_s, film: place.corpus().join(FILM), folder })
    }

    /// The files of a round, of sound that no other round of this work has as far as the tape goes.
    pub(crate) fn input(&self, kind: Input, lengths: &Lengths, round: u32) -> Result<Vec<PathBuf>> {
        let seconds = match kind {
            Input::Film | Input::Webm => lengths.film_s,
            Input::Song => lengths.song_s,
            Input::Clips => lengths.clips * CLIP_S,
        };
        let first = u64::from(round) * u64::from(seconds);
        // Where the tape comes around, it is cut elsewhere.
        let room = self.tape_s.checked_sub(u64::from(seconds)).context("the tape is too short")?.max(1);
        let start = first % room + first / room;
        let sound = Sound { start, seconds };
        let name = |end: &str| self.folder.join(format!("round-{round}.{end}"));
        match kind {
            Input::Film => self.film(&sound, name("mp4")),
            Input::Webm => self.encode(&sound, &["-c:a", "libopus", "-b:a", "128k"], name("webm")),
            Input::Song => self.encode(&sound, &["-c:a", "libmp3lame", "-b:a", "192k"], name("mp3")),
            Input::Clips => self.clips(&sound, &self.folder.join(format!("round-{round}"))),
        }
    }

    fn ffmpeg(&self, sound: &Sound) -> Program {
        let [start, seconds] = [sound.start.to_string(), sound.seconds.to_string()];
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(TAPE)
            .args(["-ss", &start, "-t", &seconds, "-i"])
            .args([&self.tape])
    }

    fn encode(&self, sound: &Sound, options: &[&str], to: PathBuf) -> Result<Vec<PathBuf>> {
        self.ffmpeg(sound).args(options).args([&to]).quietly()?;
        Ok(vec![to])
    }

    fn film(&self, sound: &Sound, to: PathBuf) -> Result<Vec<PathBuf>> {
        self.ffmpeg(sound)
            .args(["-t", &sound.seconds.to_string(), "-i"])
            .args([&self.film])
            .args(["-map", "1:v:0", "-c:v", "copy", "-map", "0:a", "-c:a", "aac", "-b:a", "128k"])
            .args([&to])
            .quietly()?;
        Ok(vec![to])
    }

    /// The film in 720p, as large as such films are.
    pub(crate) fn large_film(&self, seconds: u32) -> Result<PathBuf> {
        let to = self.folder.join("film-720p.mp4");
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-t", &seconds.to_string(), "-i"])
            .args([&self.film])
            .args(["-vf", "scale=1280:720", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "2M"])
            .args(["-c:a", "aac", "-b:a", "128k"])
            .args([&to])
            .quietly()?;
        Ok(to)
    }

    fn clips(&self, sound: &Sound, folder: &Path) -> Result<Vec<PathBuf>> {
        emptied(folder)?;
        self.ffmpeg(sound)
            .args(["-c:a", "aac", "-b:a", "128k", "-f", "segment", "-segment_format", "mp4"])
            .args(["-reset_timestamps", "1", "-segment_time", &CLIP_S.to_string()])
            .args([folder.join("clip-%04d.mp4")])
            .quietly()?;
        let mut clips = corpus::walk(folder)?;
        // The encoder's last frame may have become a clip of its own.
        clips.truncate((sound.seconds / CLIP_S) as usize);
        Ok(clips)
    }
}

/// A stretch of the tape.
struct Sound {
    start: u64,
    seconds: u32,
}

/// Fetches what goes onto the tape, and puts it there.
fn record(place: &Place, home: &Path, tape: &Path) -> Result<()> {
    emptied(home)?;
    let apt = Apt::default();
    let [music, speech] = [(&MUSIC, "music"), (&SPEECH, "speech")].map(|(package, name)| -> Result<_> {
        let folder = home.join(name);
        emptied(&folder)?;
        corpus::fetch(place, package, &folder, &apt)?;
        corpus::walk(&folder)
    });
    let of_corpus = CORPUS.map(|file| place.corpus().join(file));
    let music: Vec<_> = of_corpus.into_iter().chain(ending(music?, &["ogg", "mp3"])).collect();
    let music = decoded(&music, &home.join("music.s16"))?;
    let speech = decoded(
        &[joined(&ending(speech?, &["g722"]), &home.join("speech.g722"))?],
        &home.join("speech.s16"),
    )?;
    // Under another name until it is whole.
    let draft = home.join("tape.draft");
    alternate(&music, &speech, &draft).context("cannot write the tape")?;
    fs::rename(&draft, tape).context("cannot name the tape")?;
    for samples in [music, speech] {
        fs::remove_file(&samples).with_context(|| format!("cannot remove {}", samples.display()))?;
    }
    Ok(())
}

fn ending(paths: Vec<PathBuf>, ends: &[&str]) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|end| ends.iter().any(|one| end == *one));
    paths.into_iter().filter(is_one).collect()
}

/// All of `files` in one: G.722 is samples and nothing else, and hundreds of prompts are hundreds of processes.
fn joined(files: &[PathBuf], to: &Path) -> Result<PathBuf> {
    let mut all = BufWriter::new(File::create(to).with_context(|| format!("cannot write {}", to.display()))?);
    for file in files {
        let mut one = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        io::copy(&mut one, &mut all).with_context(|| format!("cannot write {}", to.display()))?;
    }
    all.flush().context("cannot join the speech")?;
    Ok(to.to_owned())
}

/// All of `files` one after the other as samples in `to`.
fn decoded(files: &[PathBuf], to: &Path) -> Result<PathBuf> {
    if files.is_empty() {
        bail!("a package has nothing to hear in it");
    }
    let mut out = BufWriter::new(File::create(to).with_context(|| format!("cannot write {}", to.display()))?);
    for file in files {
        let mut program = Program::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).args([file]);
        program = program.args(["-vn"]).args(TAPE).args(["pipe:1"]);
        out.write_all(&program.output()?.stdout).context("cannot write samples")?;
    }
    out.flush().context("cannot write samples")?;
    Ok(to.to_owned())
}

/// Music with speech in between until the music is over; the speech comes around.
fn alternate(music: &Path, speech: &Path, to: &Path) -> io::Result<()> {
    let (mut music, mut speech) = (BufReader::new(File::open(music)?), BufReader::new(File::open(speech)?));
    let mut tape = BufWriter::new(File::create(to)?);
    let [music_bytes, speech_bytes] = [MUSIC_S, SPEECH_S].map(|seconds| seconds * TAPE_BYTES_PER_SECOND);
    while io::copy(&mut music.by_ref().take(music_bytes), &mut tape)? == music_bytes {
        let spoken = io::copy(&mut speech.by_ref().take(speech_bytes), &mut tape)?;
        if spoken < speech_bytes {
            speech.seek(SeekFrom::Start(0))?;
            io::copy(&mut speech.by_ref().take(speech_bytes - spoken), &mut tape)?;
        }
    }
    tape.flush()
}
