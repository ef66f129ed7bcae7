//! A full disk: refused in words, nothing half stored, the catalog unharmed, and work goes on once there is room.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::client::Body;
use crate::material;
use crate::mill::{Mill, Site, Store, until};
use crate::tools;

/// The disk of the objects: a file system in memory, in a mount namespace of the process's own.
const DISK_MIB: u32 = 12;

pub(crate) fn a_full_store_refuses_an_upload_and_fails_a_job_until_there_is_room() {
    let site = Site::new().flags(&["--max-attempts", "2"]);
    std::fs::create_dir_all(site.data_dir().join("objects")).unwrap();
    let objects = site.data_dir().join("objects");
    let mount =
        format!("mount -t tmpfs -o size={DISK_MIB}m none '{}' && exec \"$0\" \"$@\"", objects.display());
    let unshare = tools::unshare().unwrap_or_else(|| vec!["unshare", "--mount"]);
    let site = site.started_by(&[&unshare[..], &["sh", "-c", &mount]].concat());
    let mill = site.start();
    let session = mill.sign_in();
    let store = Store(inside(&mill, &objects));

    // 7 MB, 5 MB, and no room for a third.
    let first = session.upload("first.wav", &material::wav_bytes(40));
    let wav = material::wav_bytes(45);
    let answer = session.request("POST", "/v1/media?name=second.wav").send(Body::Bytes(&wav));
    assert_eq!(answer.problem(503)["type"], "/problems/store-full");
    until("the refused upload is gone", Duration::from_secs(10), || {
        (store.objects().len() == 1 && store.partials().is_empty()).then_some(())
    });

    // Its WAV does not fit beside it; a retry does not help before there is room.
    let job = session.convert(&first, "wav");
    let failed = session.await_end(&job);
    assert_eq!((&failed["state"], &failed["attempt"]), (&"failed".into(), &2.into()), "{failed}");
    assert_eq!(failed["error"]["kind"], "internal", "{failed}");
    assert!(!failed["error"]["message"].as_str().unwrap().contains('/'), "a path is told: {failed}");
    until("the failed result is gone", Duration::from_secs(10), || {
        (store.objects().len() == 1 && store.partials().is_empty()).then_some(())
    });

    // What needs less room still works, and the catalog has lost nothing.
    let small = session.convert_with(&first, "mp3-voice", &json!({}));
    session.await_done(&small);
    session.expect_no_leftovers(&store);
    assert_eq!(session.all("/v1/media").len(), 1);

    // The first is deleted with all that was made of it, and what was refused fits.
    assert_eq!(session.request("DELETE", &format!("/v1/media/{first}")).get().status, 204);
    until("there is room", Duration::from_secs(10), || store.objects().is_empty().then_some(()));
    let second = session.upload("second.wav", &wav);
    session.await_done(&session.convert(&second, "mp3-voice"));
    mill.stop();
}

/// A path as the process sees it.
fn inside(mill: &Mill, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", mill.pid(), path.display()))
}
