//! `sources update`: a newer yt-dlp comes in by the host's own pip, and one that does not work stays out.
//!
//! The packages come from folders: what `cargo xtask setup` has fetched of the real one, and packages of the case's own.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::tools;

/// Debian's own interpreter, whatever else comes first on the path.
const PYTHON: &str = "/usr/bin/python3";

/// What a run said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs a command in `folder`, for which pip finds the packages of `wheels` and no others.
fn sources(folder: &Path, wheels: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(tools::reelmill());
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("PATH", "/usr/bin:/bin").env("HOME", folder).env("TMPDIR", folder);
    command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", wheels).env("PIP_NO_CACHE_DIR", "1");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn an_update_is_used_and_one_that_does_not_work_leaves_it_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let wheels = tools::ytdlp_wheels().unwrap();
    let said = sources(folder.path(), &wheels, &["sources", "update", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let version = said.json()["version"].as_str().unwrap().to_owned();
    let shown = sources(folder.path(), &wheels, &["sources", "--json"]).json();
    assert_eq!(
        (&shown["ytdlp"]["version"], &shown["ytdlp"]["found_in"]),
        (&version.clone().into(), &"data_folder".into())
    );

    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    wheel(&broken, "2099.1.1", "raise SystemExit('this one is broken')");
    let said = sources(folder.path(), &broken, &["sources", "update"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("does not work") && said.err.contains(&format!("{version} is used as before")),
        "{}",
        said.err
    );
    wheel(
        &broken,
        "2099.1.2",
        "import sys\nif '--version' in sys.argv: print('2099.01.02')\nelse: sys.exit('no such option')",
    );
    let said = sources(folder.path(), &broken, &["sources", "update"]);
    assert!(said.err.contains("does not work"), "{}", said.err);
    let nothing = folder.path().join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let said = sources(folder.path(), &nothing, &["sources", "update"]);
    assert!(said.err.contains("did not install it"), "{}", said.err);

    let shown = sources(folder.path(), &wheels, &["sources", "--json"]).json();
    assert_eq!(shown["ytdlp"]["version"], version);
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("reelmill-data/yt-dlp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept.len(), 2, "nothing but the copy and the link to it: {kept:?}");
}

/// A package that pip takes for yt-dlp of that version.
fn wheel(folder: &Path, version: &str, main: &str) {
    let script = "import sys, zipfile
folder, version, main = sys.argv[1:]
info = f'yt_dlp-{version}.dist-info'
with zipfile.ZipFile(f'{folder}/yt_dlp-{version}-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('yt_dlp/__init__.py', '')
    wheel.writestr('yt_dlp/__main__.py', main)
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: yt-dlp\\nVersion: {version}\\nProvides-Extra: default\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{info}/RECORD', '')
";
    let made = Command::new(PYTHON).args(["-c", script]).arg(folder).args([version, main]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
