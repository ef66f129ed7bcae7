//! A batch of short clips: what the catalog costs beside the work.

use std::fs;
use std::time::Duration;

use crate::fleet::storm::sound_of;
use crate::mill::{Mill, Site};
use crate::{report, tools};

const CASE: &str = "soak::a_batch_of_clips_spends_little_on_its_catalog";

/// How SQLite's threads are called, as far as Linux keeps a thread's name.
const CATALOG_THREADS: &str = "sqlx-sqlite-wor";

/// What the catalog may take of all the processor time of a batch, in percent. The daily run is too small for it to mean
/// anything, and says it all the same.
const MOST_PERCENT: f64 = 3.0;

/// Ticks of the processor in user and in kernel mode, of a process or a thread (proc(5), `stat`, fields 14 and 15).
fn ticks(stat: &str) -> u64 {
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// Ticks of all threads whose name is that, and of the whole process.
fn spent(mill: &Mill) -> (u64, u64) {
    let process = format!("/proc/{}", mill.pid());
    let mut catalog = 0;
    for thread in fs::read_dir(format!("{process}/task")).unwrap() {
        let folder = thread.unwrap().path();
        // A thread may end while this looks.
        let (Ok(name), Ok(stat)) =
            (fs::read_to_string(folder.join("comm")), fs::read_to_string(folder.join("stat")))
        else {
            continue;
        };
        if name.trim() == CATALOG_THREADS {
            catalog += ticks(&stat);
        }
    }
    (catalog, ticks(&fs::read_to_string(format!("{process}/stat")).unwrap()))
}

pub(crate) fn a_batch_of_clips_spends_little_on_its_catalog() {
    let clips = if tools::is_soak() { 500 } else { 30 };
    let site = Site::new().flags(&["--slots", "2"]);
    let mill = site.start();
    let session = mill.sign_in();
    let media: Vec<String> =
        (0..clips).map(|clip| session.upload(&format!("clip-{clip}.wav"), &sound_of(clip, 2))).collect();
    let (catalog_before, all_before) = spent(&mill);
    assert!(catalog_before > 0, "no thread is called {CATALOG_THREADS}");
    let jobs: Vec<String> = media.iter().map(|media| session.convert(media, "mp3")).collect();
    loop {
        // Seldom, since each look costs the catalog something, too.
        std::thread::sleep(Duration::from_millis(500));
        let queue = session.get("/v1/queue");
        if (&queue["jobs"]["queued"], &queue["jobs"]["running"]) == (&0.into(), &0.into()) {
            break;
        }
    }
    let (catalog, all) = spent(&mill);
    for job in &jobs {
        session.await_done(job);
    }
    #[expect(clippy::cast_precision_loss, reason = "ticks of minutes")]
    let percent = (catalog - catalog_before) as f64 * 100.0 / (all - all_before) as f64;
    let what = format!("the catalog's part of the processor time of {clips} clips of 2 s");
    report::figure(CASE, &what, percent, "%", Some(&format!("≤ {MOST_PERCENT}")));
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}
