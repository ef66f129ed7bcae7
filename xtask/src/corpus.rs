//! Real media that packages ship, gathered under the target folder with a manifest that says what each file is.
//!
//! Every file is decoded once by ffmpeg when it is gathered, so that a test can ask for "good" files and mean it.
//! `manifest.json` is `{"files": […]}`, sorted by file, each entry:
//!
//! - `file`: path under the corpus folder, `sha256`, `size_bytes`, `origin`: `registry:package@version`
//! - `condition`: `good` (ffmpeg decodes its audio without a word and as long as it says), `no_audio`, or `damaged`
//! - `container`: as ffprobe names it; `declared_ms`: how long it says that its audio is; `decoded_ms`: how long
//!   that is once decoded
//! - `audio`: of the first audio track, or null: `codec`, `profile`, `sample_rate_hz`, `channels`; `audio_tracks`

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::debian::{Apt, PYTHON, only_file};
use crate::origins::{MEDIA, ORIGINS, Origin, Package};
use crate::place::{Place, emptied, remove};
use crate::program::Program;

/// Goes up when a file is examined or named in another way, so that what is on disk is gathered again.
const RECIPE: u64 = 1;

/// How far the declared and the decoded length of a good file may lie apart.
const LENGTH_TOLERANCE_MS: u64 = 150;

/// Whether the files of `origin` lie in the corpus as this program would gather them.
pub(crate) fn is_gathered(place: &Place, origin: &Origin) -> bool {
    let Ok(record) = read(&record_of(place, origin)) else { return false };
    let as_now = record["recipe"] == RECIPE && record["origin"] == origin.package.label().as_str();
    as_now && place.corpus().join(origin.name).is_dir()
}

/// Fetches `origin` and puts its media into the corpus.
pub(crate) fn gather(place: &Place, origin: &Origin, apt: &Apt) -> Result<()> {
    let fetched = place.fetched().join(origin.name);
    emptied(&fetched)?;
    fetch(place, &origin.package, &fetched, apt)?;
    if let Some(zip) = origin.inner_zip {
        let path = walk(&fetched)?
            .into_iter()
            .find(|path| path.ends_with(zip))
            .context("the inner zip is not there")?;
        unzip(&path, &fetched)?;
    }
    let folder = place.corpus().join(origin.name);
    emptied(&folder)?;
    let files = take(origin, &fetched, &folder)?;
    let record = json!({ "recipe": RECIPE, "origin": origin.package.label(), "files": files });
    // Last, since its presence says that everything else is there.
    write(&record_of(place, origin), &record)?;
    remove(&fetched)
}

/// Writes the manifest over all origins that are gathered; how many files it lists.
pub(crate) fn write_manifest(place: &Place) -> Result<usize> {
    let mut files = Vec::new();
    for origin in ORIGINS.iter().filter(|origin| is_gathered(place, origin)) {
        if let Value::Array(more) = read(&record_of(place, origin))?["files"].take() {
            files.extend(more);
        }
    }
    files.sort_by_key(|file| file["file"].as_str().unwrap_or_default().to_owned());
    let count = files.len();
    write(&place.corpus().join("manifest.json"), &json!({ "files": files }))?;
    Ok(count)
}

fn record_of(place: &Place, origin: &Origin) -> PathBuf {
    place.corpus().join(format!("{}.json", origin.name))
}

/// Fetches `package`, compares it with its pin, and unpacks it into the empty `folder`.
pub(crate) fn fetch(place: &Place, package: &Package, folder: &Path, apt: &Apt) -> Result<()> {
    match package {
        Package::Debian { name } => apt.unpack(name, folder),
        Package::PyPi { name, version, sha256, source } => {
            // pip compares the archive before it runs anything in it.
            let pin = folder.join("pin.txt");
            fs::write(&pin, format!("{name}=={version} --hash=sha256:{sha256}\n"))
                .context("cannot write the pin")?;
            let kind = if *source { "--no-binary" } else { "--only-binary" };
            pip(place)?
                .args([
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--require-hashes",
                    kind,
                    name,
                    "--requirement",
                    "pin.txt",
                ])
                .within(folder)
                .quietly()?;
            fs::remove_file(&pin).context("cannot remove the pin")?;
            let archive = only_file(folder)?;
            if *source { untar(&archive, folder) } else { unzip(&archive, folder) }
        }
        Package::Npm { name, version, sha256 } => {
            Program::new("npm")
                .args(["pack", "--silent", &format!("{name}@{version}")])
                .within(folder)
                .quietly()?;
            let archive = only_file(folder)?;
            let found = digest(&archive)?;
            if found != *sha256 {
                bail!("{name} {version} has the SHA-256 {found}, not the pinned one");
            }
            untar(&archive, folder)?;
            fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))
        }
    }
}

/// pip in an environment of its own, made at its first use.
fn pip(place: &Place) -> Result<Program> {
    let environment = place.venv("fetch");
    let pip = environment.join("bin/pip");
    if !pip.is_file() {
        Program::new(PYTHON).args(["-m".as_ref(), "venv".as_ref(), environment.as_os_str()]).quietly()?;
    }
    Ok(Program::new(pip))
}

fn untar(archive: &Path, folder: &Path) -> Result<()> {
    Program::new("tar").args(["-xzf".as_ref(), archive.as_os_str()]).within(folder).quietly()
}

fn unzip(archive: &Path, folder: &Path) -> Result<()> {
    let words = ["-m".as_ref(), "zipfile".as_ref(), "-e".as_ref(), archive.as_os_str(), folder.as_os_str()];
    Program::new(PYTHON).args(words).quietly()
}

/// Moves the media among `fetched` to `folder`, each content once, and describes them.
fn take(origin: &Origin, fetched: &Path, folder: &Path) -> Result<Vec<Value>> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for path in walk(fetched)?.into_iter().filter(|path| is_media(path)) {
        let sha256 = digest(&path)?;
        if !seen.insert(sha256.clone()) {
            continue;
        }
        let to = free_name(folder, &path)?;
        fs::rename(&path, &to).with_context(|| format!("cannot move {}", path.display()))?;
        let mut entry = examine(&to)?;
        entry["file"] =
            json!(format!("{}/{}", origin.name, to.file_name().unwrap_or_default().to_string_lossy()));
        entry["sha256"] = json!(sha256);
        entry["origin"] = json!(origin.package.label());
        files.push(entry);
    }
    if files.is_empty() {
        bail!("{} holds no media", origin.package.label());
    }
    Ok(files)
}

/// The file's own name in `folder`, or the one with its parent's before it where that is taken.
fn free_name(folder: &Path, path: &Path) -> Result<PathBuf> {
    let name = path.file_name().context("a file without a name")?.to_string_lossy();
    let plain = folder.join(&*name);
    if !plain.exists() {
        return Ok(plain);
    }
    let parent = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let longer = folder.join(format!("{parent}-{name}"));
    if longer.exists() {
        bail!("two files would be called {}", longer.display());
    }
    Ok(longer)
}

fn examine(path: &Path) -> Result<Value> {
    let size_bytes = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    let output = Program::new("ffprobe")
        .args(["-v", "error", "-print_format", "json", "-show_format", "-show_streams"])
        .args([path])
        .output()?;
    let probed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let tracks: Vec<&Value> = probed["streams"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|stream| stream["codec_type"] == "audio")
        .collect();
    // A film's picture may be longer than its sound.
    let declared = tracks.first().and_then(|track| track["duration"].as_str());
    let declared_ms = declared.or(probed["format"]["duration"].as_str()).and_then(milliseconds);
    let mut entry = json!({
        "size_bytes": size_bytes,
        "container": probed["format"]["format_name"],
        "declared_ms": declared_ms,
        "audio_tracks": tracks.len(),
        "audio": null,
        "decoded_ms": null,
        "condition": if probed["format"].is_object() { "no_audio" } else { "damaged" },
    });
    if let Some(track) = tracks.first() {
        let (decoded_ms, complaints) = decode(path)?;
        let complete = declared_ms.zip(decoded_ms).is_some_and(|(a, b)| a.abs_diff(b) <= LENGTH_TOLERANCE_MS);
        entry["audio"] = json!({
            "codec": track["codec_name"],
            "profile": track["profile"],
            "sample_rate_hz": track["sample_rate"].as_str().and_then(|rate| rate.parse::<u32>().ok()),
            "channels": track["channels"],
        });
        entry["decoded_ms"] = json!(decoded_ms);
        entry["condition"] = json!(if complete && !complaints { "good" } else { "damaged" });
    }
    Ok(entry)
}

/// How long the first audio track of `path` is once decoded, and whether ffmpeg found something wrong with it.
fn decode(path: &Path) -> Result<(Option<u64>, bool)> {
    let output = Program::new("ffmpeg")
        .args(["-v", "error", "-progress", "pipe:1", "-i"])
        .args([path])
        .args(["-map", "0:a:0", "-f", "null", "/dev/null"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().rev().find_map(|line| line.strip_prefix("out_time_us="));
    let decoded_ms = last.and_then(|microseconds| microseconds.parse::<u64>().ok()).map(|us| us / 1000);
    Ok((decoded_ms, !output.status.success() || !output.stderr.is_empty()))
}

/// `12.271746` seconds as 12271.
fn milliseconds(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()? * 1000 + thousandths.parse::<u64>().ok()?)
}

fn is_media(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    MEDIA.contains(&end.as_str())
}

/// Every regular file under `folder`, in a steady order.
pub(crate) fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn digest(path: &Path) -> Result<String> {
    let printed = Program::new("sha256sum").args(["--"]).args([path]).text()?;
    let word = printed.split_whitespace().next().context("sha256sum printed nothing")?;
    // A name with unusual characters makes sha256sum put a backslash first.
    Ok(word.trim_start_matches('\\').to_owned())
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

fn write(path: &Path, value: &Value) -> Result<()> {
    fs::write(path, format!("{value:#}\n")).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn seconds_with_any_number_of_digits_become_milliseconds() {
        assert_eq!(milliseconds("12.271746"), Some(12_271));
        assert_eq!(milliseconds("3.5"), Some(3_500));
        assert_eq!(milliseconds("7"), Some(7_000));
        assert_eq!(milliseconds("N/A"), None);
    }
}
