//! How yt-dlp is called: with nothing but what it needs, and no way out but our proxy.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use reelmill_core::Format;
use tokio::process::Command;

use super::program::Program;
use crate::source::web::proxy::Session;

/// Run by Python before yt-dlp: see there.
const HOOK: &str = include_str!("guard_hook.py");
/// Variables that are passed on: where the system keeps its certificates, and what a wrapped interpreter needs.
const PASSED_ON: [&str; 5] = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "PYENV_ROOT"];
/// What our downloaders do by themselves; the others start programs that know nothing of our proxy.
const PROTOCOLS: &str = "[protocol~='^(https?|m3u8(_native)?|http_dash_segments)$']";

/// Fields that are asked for of what was found.
const FACTS: &str =
    "%(.{title,duration,thumbnail,ext,is_live,live_status,extractor_key,protocol,playlist_count,filesize})j";

/// Gives the command an environment of its own, whose home is `home`.
pub(super) fn confine(command: &mut Command, home: &Path, program: &Program) {
    command.env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", home).env("TMPDIR", home).env("LANG", "C.UTF-8").env("NO_COLOR", "1");
    command.env("PYTHONUTF8", "1").env("YTDLP_NO_PLUGINS", "1");
    if let Some(base) = &program.user_base {
        command.env("PYTHONUSERBASE", base);
    }
    if let Some(library) = &program.library {
        command.env("PYTHONPATH", library);
    }
}

/// Leaves the command no way out but the proxy: by its variables, and by a hook in the interpreter that refuses every
/// other connection.
pub(super) fn route(
    command: &mut Command,
    home: &Path,
    program: &Program,
    session: &Session,
) -> io::Result<()> {
    let folder = home.join("guard");
    fs::create_dir(&folder)?;
    fs::write(folder.join("sitecustomize.py"), HOOK)?;
    let paths = [Some(folder), program.library.clone()];
    let paths = std::env::join_paths(paths.into_iter().flatten()).map_err(io::Error::other)?;
    command.env("PYTHONPATH", paths).env("REELMILL_PROXY_PORT", session.port().to_string());
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, session.url());
    }
    Ok(())
}

/// What every call begins with.
pub(super) fn common(command: &mut Command, idle: Duration) {
    command.args([
        "--ignore-config",
        "--no-plugin-dirs",
        "--no-cache-dir",
        "--no-update",
        "--color",
        "never",
    ]);
    command.args(["--no-exec", "--no-remote-components", "--no-mark-watched"]);
    // Where there is no ffmpeg there is no way to it: it would neither keep to the proxy nor to the hook.
    command.args(["--ffmpeg-location", "/nonexistent", "--downloader", "native", "--fixup", "never"]);
    command.args(["--retries", "3", "--fragment-retries", "3", "--extractor-retries", "2"]);
    command.arg("--socket-timeout").arg(idle.as_secs().max(1).to_string());
}

/// What a download is told. Lines that are meant for us begin with `token`, which nobody else knows.
pub(super) fn download(command: &mut Command, wanted: Format, max_duration: Duration, token: &str) {
    command.args(["--no-simulate", "--no-playlist", "--playlist-items", "1", "--no-part", "--no-continue"]);
    command.args(["--abort-on-unavailable-fragments", "--newline", "--progress", "--progress-delta", "0.25"]);
    command.arg("--match-filters");
    command.arg(format!("!is_live & live_status!=?is_upcoming & duration<=?{}", max_duration.as_secs()));
    command.arg("--progress-template");
    let progress = "%(progress.{status,downloaded_bytes,total_bytes,total_bytes_estimate})j";
    command.arg(format!("download:{token} progress {progress}"));
    command.arg("--print").arg(format!("pre_process:{token} found {FACTS}"));
    command.arg("--print").arg(format!("before_dl:{token} chosen {FACTS}"));
    command.arg("--format").arg(formats(wanted)).args(["--output", "-"]);
}

/// Best audio, the wanted codec's first, so that nothing has to be encoded twice.
fn formats(wanted: Format) -> String {
    let codec = match wanted {
        Format::Opus | Format::Dca | Format::Dca0 => Some("opus"),
        Format::Aac | Format::M4a => Some("mp4a"),
        Format::Mp3 => Some("mp3"),
        Format::Ogg => Some("vorbis"),
        Format::Flac => Some("flac"),
        Format::Wav | Format::Wma => None,
    };
    let first = codec.map(|codec| format!("bestaudio[acodec^={codec}]{PROTOCOLS}/")).unwrap_or_default();
    format!("{first}bestaudio{PROTOCOLS}/best{PROTOCOLS}")
}

/// Gives yt-dlp cookies of its own: it writes them back when it ends.
pub(super) fn cookies(command: &mut Command, home: &Path, original: &Path) -> io::Result<()> {
    let copy = home.join("cookies.txt");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy)?;
    file.write_all(&fs::read(original)?)?;
    command.arg("--cookies").arg(copy);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_without_encoding_comes_first() {
        assert!(formats(Format::Dca).starts_with("bestaudio[acodec^=opus]["));
        assert!(formats(Format::Aac).starts_with("bestaudio[acodec^=mp4a]["));
        assert!(formats(Format::Wav).starts_with("bestaudio[protocol"));
    }

    #[test]
    fn no_format_comes_over_a_protocol_that_another_program_would_fetch() {
        for format in Format::ALL {
            assert!(
                formats(format)
                    .split('/')
                    .filter(|part| part.starts_with('b'))
                    .all(|part| part.contains("[protocol~="))
            );
        }
    }
}
