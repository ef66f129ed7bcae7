//! A crowd at the tasks' door: everybody with files of their own, all at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::mill::Mill;
use crate::report;
use crate::tasks_client::{Member, id_of, is_over, open_site, tone, unreadable};
use crate::tools;

const CASE: &str = "soak::a_crowd_with_files_of_its_own_has_every_task_whole_and_nobody_elses";

/// One in so many files cannot be converted, so that reasons are seen too.
const BROKEN_EACH: u32 = 10;

/// What one of the crowd saw.
struct Day {
    member: Member,
    /// Each task with the file that it was made of, and whether that is sound.
    tasks: Vec<(i64, Vec<u8>, bool)>,
    uploads: Vec<Duration>,
}

pub(crate) fn a_crowd_with_files_of_its_own_has_every_task_whole_and_nobody_elses() {
    let (users, files) = if tools::is_soak() { (30, 30) } else { (6, 5) };
    let site = open_site();
    let mill = site.start();
    let began = Instant::now();
    let days: Vec<Day> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..users)
            .map(|user| {
                scope.spawn({
                    let mill = &mill;
                    move || upload_all(mill, user, files)
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let uploaded = began.elapsed();
    for day in &days {
        while !day.member.tasks().iter().all(is_over) {
            assert!(began.elapsed() < Duration::from_mins(10), "tasks are left over");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let ended = began.elapsed();
    examine(&days, files);
    tell(&days, uploaded, ended);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

fn upload_all(mill: &Mill, user: u32, files: u32) -> Day {
    let member = Member::join(mill, &format!("user{user}"));
    let mut day = Day { member, tasks: Vec::new(), uploads: Vec::new() };
    for file in 0..files {
        let is_sound = (user + file) % BROKEN_EACH != BROKEN_EACH - 1;
        let bytes = if is_sound { tone(user * 100 + file, 8000) } else { unreadable() };
        let began = Instant::now();
        // Everybody calls their files the same.
        let task =
            day.member.create(&format!("song {file}.wav"), &bytes, ["mp3", "flac", "wav"][file as usize % 3]);
        day.uploads.push(began.elapsed());
        day.tasks.push((id_of(&task), bytes, is_sound));
    }
    day
}

fn examine(days: &[Day], files: u32) {
    let mut all = BTreeSet::new();
    for (nth, day) in days.iter().enumerate() {
        let listed = day.member.tasks();
        let ids: Vec<i64> = listed.iter().map(id_of).collect();
        assert_eq!(ids, day.tasks.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), "{}", day.member.name);
        assert_eq!(ids.len(), files as usize);
        assert!(ids.iter().all(|id| all.insert(*id)), "a number came twice");
        for (task, (id, original, is_sound)) in listed.iter().zip(&day.tasks) {
            let reason = task["message"].as_str();
            let expected = if *is_sound { ("PROCESSED", false) } else { ("FAILED", true) };
            assert_eq!(
                (task["state"].as_str().unwrap(), reason.is_some_and(|said| !said.is_empty())),
                expected,
                "{task}"
            );
            assert_eq!(day.member.download(*id, "original"), *original, "{task}");
            let converted = day.member.get(&format!("/api/download/{id}?which=converted"));
            assert_eq!(converted.status, if *is_sound { 200 } else { 404 }, "{task}");
            // Nobody else sees any of it.
            let other = &days[(nth + 1) % days.len()].member;
            for target in [format!("/api/tasks/{id}"), format!("/api/download/{id}")] {
                assert_eq!(other.get(&target).expect(404)["error"], Value::from("Task not found"));
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn tell(days: &[Day], uploaded: Duration, ended: Duration) {
    let mut uploads: Vec<Duration> = days.iter().flat_map(|day| day.uploads.clone()).collect();
    uploads.sort();
    let count = uploads.len();
    let average = uploads.iter().sum::<Duration>() / u32::try_from(count).unwrap();
    report::figure(CASE, "users", days.len() as f64, "users", None);
    report::figure(CASE, "tasks, each whole and its owner's alone", count as f64, "tasks", None);
    report::figure(CASE, "accepted", count as f64 * 60.0 / uploaded.as_secs_f64(), "tasks/min", None);
    let ms = |took: Duration| took.as_secs_f64() * 1000.0;
    report::figure(CASE, "upload, average", ms(average), "ms", Some("\u{2264} 1500"));
    for percent in [50, 90, 95, 99] {
        let at = (count * percent).div_ceil(100) - 1;
        report::figure(CASE, &format!("upload, p{percent}"), ms(uploads[at]), "ms", None);
    }
    report::seconds(CASE, "from the first request to the last conversion", ended);
}
