//! A worker that was frozen past its lease wakes up: its job is another's by then, and stays that.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::material;
use crate::mill::{Mill, Site, Store, until};
use crate::report;
use crate::tools;

/// When the frozen worker wakes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wakes {
    WhileTheOtherConverts,
    WhenTheOtherIsDone,
}

pub(crate) fn a_worker_that_wakes_while_another_converts_its_job_cannot_finish_it() {
    run(Wakes::WhileTheOtherConverts);
}

pub(crate) fn a_worker_that_wakes_when_another_has_done_its_job_cannot_finish_it() {
    run(Wakes::WhenTheOtherIsDone);
}

fn run(wakes: Wakes) {
    let shared = Shared::new();
    let (first_site, second_site) = (shared.site("first"), shared.site("second"));
    let first = first_site.start();
    let session = first.sign_in();
    let (length, wav) = material::wav(180);
    let media = session.upload_stream("long.wav", length, wav);
    let job = session.convert(&media, "mp3");
    assert_eq!(session.await_midst(&job)["attempt"], 1);
    freeze(&first);
    let frozen = Instant::now();

    let second = second_site.start();
    let session = session.at(&second);
    until("the other takes the job over", Duration::from_mins(1), || {
        let found = session.job(&job);
        (found["attempt"] == 2 && found["state"] == "running").then_some(())
    });
    report::seconds("zombie", "from frozen to taken over (lease 2 s)", frozen.elapsed());
    if wakes == Wakes::WhileTheOtherConverts {
        first.signal(Signal::CONT);
    }
    let done = session.await_done(&job);
    assert_eq!(done["attempt"], 2, "{done}");
    if wakes == Wakes::WhenTheOtherIsDone {
        assert!(!shared.store().partials().is_empty(), "the frozen worker has nothing begun");
        first.signal(Signal::CONT);
    }

    // The first is alive again and answers from the same catalog, so it has had its chance to finish the job.
    let through_first = session.at(&first);
    until("the first notices that it lost its claim", Duration::from_secs(30), || {
        first.said().contains("claim was lost").then_some(())
    });
    for _ in 0..20 {
        assert_eq!(through_first.job(&job), done);
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = session.output(&done);
    assert_eq!(done["output"]["size_bytes"], output.len() as u64);
    session.expect_no_leftovers(&shared.store());
    assert_eq!(shared.store().objects().len(), 2, "{:?}", shared.store().objects());
    first.stop();
    second.stop();
}

/// One catalog and one store for two processes, each with a data folder of its own.
struct Shared(tempfile::TempDir);

impl Shared {
    fn new() -> Self {
        Self(tools::scratch())
    }

    fn catalog(&self) -> PathBuf {
        self.0.path().join("catalog.db")
    }

    fn store(&self) -> Store {
        Store(self.0.path().join("objects"))
    }

    fn site(&self, worker: &str) -> Site {
        let catalog = format!("sqlite:{}", self.catalog().display());
        let objects = format!("file://{}", self.store().0.display());
        let timing = ["--lease", "2s", "--heartbeat", "500ms", "--slots", "1", "--worker-name", worker];
        Site::new()
            .flags(&["--catalog", &catalog, "--objects", &objects])
            .flags(&timing)
            .variable("JWT_SECRET", "a secret of the test's own, long enough for HS256")
    }
}

/// Stops the process where it does not hold the catalog's write lock: SQLite has no lease on that, so a process frozen
/// with it would block every other one.
fn freeze(mill: &Mill) {
    for _ in 0..50 {
        mill.signal(Signal::STOP);
        until("it is frozen", Duration::from_secs(5), || is_stopped(mill.pid()).then_some(()));
        if !holds_a_write_lock(mill.pid()) {
            return;
        }
        mill.signal(Signal::CONT);
        std::thread::sleep(Duration::from_millis(7));
    }
    panic!("it always writes");
}

fn is_stopped(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    tasks.map(|task| fs::read_to_string(task.path().join("stat")).unwrap_or_default()).all(|stat| {
        // The state follows the program's name, which is in brackets.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

/// Whether the process holds a record lock for writing, which is what SQLite takes (the data folder's is an `flock`).
fn holds_a_write_lock(pid: u32) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"POSIX") && words.contains(&"WRITE") && words.contains(&pid.to_string().as_str())
    })
}
