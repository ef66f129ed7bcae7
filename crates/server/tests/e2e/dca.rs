//! DCA files as other people's programs read them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::material::wav_bytes;
use crate::tools;

/// `eris`, a Discord library, reads what we copied and what we encoded, with and without a header, to the last byte;
/// and `play-check` counts the same packets.
pub(crate) fn a_reader_of_another_library_reads_our_files_to_the_end() {
    let folder = tools::scratch();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("sound.wav"), wav_bytes(12)).unwrap();
    let opus = ["-b:a", "96k", "-c:a", "libopus"];
    let made = Command::new(tools::ffmpeg().unwrap())
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(at("sound.wav"))
        .args(opus)
        .arg(at("sound.webm"))
        .status();
    assert!(made.unwrap().success());

    for (source, format, is_copied) in [
        ("sound.webm", "dca", true),
        ("sound.webm", "dca0", true),
        ("sound.wav", "dca", false),
        ("sound.wav", "dca0", false),
    ] {
        let result = at(&format!("{source}.{format}.dca"));
        let run = Command::new(tools::reelmill())
            .args(["convert", "--json", "--to", format])
            .arg(at(source))
            .arg(&result)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(said.contains("copied"), is_copied, "{said}");

        let theirs = read_by_eris(&result);
        let ours = checked(&result);
        assert_eq!(theirs["packets"], ours["packets"], "{theirs} {ours}");
        // 12 s in packets of 20 ms, and the encoder's priming.
        let packets = theirs["packets"].as_u64().unwrap();
        assert!((600..=605).contains(&packets), "{packets} packets");
        assert_eq!(theirs["left"], 0, "{theirs}");
        let header = &theirs["header"];
        if format == "dca" {
            let opus = &header["opus"];
            assert_eq!(
                (&opus["sample_rate"], &opus["frame_size"], &opus["channels"]),
                (&48_000.into(), &1920.into(), &2.into())
            );
            assert_eq!(
                (&opus["mode"], &opus["vbr"], &header["origin"]["encoding"]),
                (&"audio".into(), &true.into(), &"Opus".into())
            );
            // What the header says of the rate is what the packets have.
            let rate = theirs["bytes"].as_u64().unwrap() * 8 * 50 / packets;
            let told = opus["abr"].as_u64().unwrap();
            assert!(!is_copied || told.abs_diff(rate) <= 1 + rate / 1000, "told {told}, has {rate}");
        } else {
            assert!(header.is_null(), "{header}");
        }
    }
}

fn read_by_eris(file: &Path) -> Value {
    let run = Command::new(tools::node().unwrap())
        .arg(tools::repository().join("crates/server/tests/dca/read.mjs"))
        .arg(file)
        .env("NODE_PATH", tools::node_modules().unwrap())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

fn checked(file: &Path) -> Value {
    let run = Command::new(tools::reelmill()).args(["play-check", "--json"]).arg(file).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}
