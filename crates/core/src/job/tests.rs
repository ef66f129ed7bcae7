//! The transition table, printed and held; and what must be true of every life of a job.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{FailureKind, Profile};

const NOW: Timestamp = Timestamp::from_ms(1_000_000);

fn token(attempt: u32, nonce: u128) -> Token {
    Token { attempt, nonce: Uuid::from_u128(nonce) }
}

fn claim(token: Token) -> Claim {
    Claim { token, worker: "w".into(), since: NOW }
}

fn boom() -> Failure {
    Failure::new(FailureKind::Internal, "boom")
}

fn job(state: State, attempt: u32) -> Job {
    Job {
        id: JobId(Uuid::from_u128(1)),
        account: UserId(Uuid::from_u128(2)),
        media_id: None,
        origin: None,
        song: None,
        task: None,
        profile: Profile::named("mp3").unwrap(),
        overrides: Settings::default(),
        plan: None,
        priority: Priority::Normal,
        door: Door::V1,
        max_attempts: 3,
        deadline_ms: 60_000,
        created_at: NOW,
        changed_at: NOW,
        started_at: Some(NOW),
        attempt,
        state,
        version: 7,
        pulse: Pulse::default(),
    }
}

fn states() -> Vec<Job> {
    let held = claim(token(1, 9));
    vec![
        job(State::Queued { due_at: NOW, last_failure: None }, 0),
        job(State::Running { claim: held.clone() }, 1),
        job(State::Cancelling { claim: held }, 1),
        job(State::Done { output: OutputId(Uuid::from_u128(4)), at: NOW }, 1),
        job(State::Failed { failure: boom(), at: NOW }, 1),
        job(State::Cancelled { at: NOW }, 1),
    ]
}

fn events(held: Token) -> Vec<Event> {
    vec![
        Event::Claim { token: held, worker: "w".into() },
        Event::Fetched { token: held, media: MediaId(Uuid::from_u128(3)), plan: None },
        Event::Complete { token: held, output: OutputId(Uuid::from_u128(4)) },
        Event::Fail { token: held, failure: boom(), retry_at: Some(NOW.plus_ms(10)) },
        Event::Fail { token: held, failure: boom(), retry_at: None },
        Event::GiveBack { token: held },
        Event::Stop { token: held },
        Event::Lapse { token: held },
        Event::Expire,
        Event::Hasten,
        Event::Cancel,
        Event::Retry,
    ]
}

fn label(event: &Event) -> String {
    match event {
        Event::Fail { retry_at: Some(_), .. } => "fail, worth a retry".into(),
        Event::Fail { retry_at: None, .. } => "fail, for good".into(),
        other => other.verb().into(),
    }
}

#[test]
fn the_transition_table_is_this_one() {
    let columns = StateName::ALL.map(StateName::as_str).join(" | ");
    let mut table = format!("| event | {columns} |\n|{}\n", " --- |".repeat(7));
    for (row, event) in events(token(1, 9)).into_iter().enumerate() {
        let at = match event {
            Event::Expire => NOW.plus_ms(60_000),
            Event::Hasten => NOW.minus_ms(1),
            _ => NOW,
        };
        let cells = states().into_iter().map(|job| match job.apply(&event, at) {
            Ok(next) => next.state.name().to_string(),
            Err(Refused::State { .. }) => "·".into(),
            Err(other) => panic!("row {row}: {other}"),
        });
        let cells: Vec<String> = cells.collect();
        table.extend(["| ", &label(&event), " | ", &cells.join(" | "), " |\n"]);
    }
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("transition_table", table);
    });
}

#[test]
fn architecture_shows_the_same_table() {
    let text = include_str!("../../../../ARCHITECTURE.md");
    let snapshot = include_str!("snapshots/transition_table.snap");
    let table: Vec<&str> = snapshot.lines().filter(|line| line.starts_with('|')).collect();
    assert!(text.contains(&table.join("\n")), "copy the table of the snapshot into ARCHITECTURE.md");
}

#[test]
fn a_refusal_reads_as_english() {
    let [_, running, _, done, ..] = &states()[..] else { panic!() };
    assert_eq!(done.apply(&Event::Cancel, NOW).unwrap_err().to_string(), "cannot cancel a job that is done");
    let late = Event::Complete { token: token(1, 8), output: OutputId(Uuid::nil()) };
    assert_eq!(
        running.apply(&late, NOW).unwrap_err().to_string(),
        "the claim of attempt 1 is not the running one"
    );
}

#[test]
fn a_job_that_is_not_due_is_not_claimed() {
    let later = job(State::Queued { due_at: NOW.plus_ms(1), last_failure: None }, 0);
    let claim = Event::Claim { token: token(1, 9), worker: "w".into() };
    assert_eq!(later.apply(&claim, NOW), Err(Refused::NotDue { due_at: NOW.plus_ms(1) }));
    assert!(later.apply(&claim, NOW.plus_ms(1)).is_ok());
}

#[test]
fn the_last_attempt_is_not_tried_again() {
    let held = token(3, 9);
    let running = job(State::Running { claim: claim(held) }, 3);
    for event in
        [Event::Fail { token: held, failure: boom(), retry_at: Some(NOW) }, Event::Lapse { token: held }]
    {
        assert_eq!(running.apply(&event, NOW).unwrap().state.name(), StateName::Failed);
    }
}

#[test]
fn a_retry_that_would_pass_the_deadline_is_not_tried() {
    let held = token(1, 9);
    let running = job(State::Running { claim: claim(held) }, 1);
    let fail = Event::Fail { token: held, failure: boom(), retry_at: Some(NOW.plus_ms(60_000)) };
    assert_eq!(running.apply(&fail, NOW).unwrap().state, State::Failed { failure: boom(), at: NOW });
}

#[test]
fn only_a_passed_deadline_expires_a_job() {
    let waiting = job(State::Queued { due_at: NOW, last_failure: Some(boom()) }, 1);
    assert!(waiting.apply(&Event::Expire, NOW.plus_ms(59_999)).is_err());
    let State::Failed { failure, .. } = waiting.apply(&Event::Expire, NOW.plus_ms(60_000)).unwrap().state
    else {
        panic!("did not fail")
    };
    assert_eq!(failure.kind, FailureKind::Timeout);
}

#[test]
fn a_lease_given_back_refunds_its_attempt() {
    let held = token(1, 9);
    let back =
        job(State::Running { claim: claim(held) }, 1).apply(&Event::GiveBack { token: held }, NOW).unwrap();
    assert_eq!((back.attempt, back.state.name()), (0, StateName::Queued));
}

#[test]
fn a_record_survives_being_written_down() {
    for job in states() {
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
    }
}

prop_compose! {
    /// An event that may come at any time, of the running claim or of one that never was.
    fn any_event()(which in 0..10_usize, mine in any::<bool>(), ahead in 0..3_u32) -> (usize, bool, u32) {
        (which, mine, ahead)
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_fences_hold(steps in prop::collection::vec(any_event(), 1..60)) {
        let mut job = states().remove(0);
        let mut claims = 0_u32;
        for (tick, (which, mine, ahead)) in steps.into_iter().enumerate() {
            let now = NOW.plus_ms(tick as u64 * 1000);
            let held = job.claim().map(|claim| claim.token);
            let speaking = match (held, mine) {
                (Some(held), true) => held,
                _ => token(job.attempt + ahead, 1000 + tick as u128),
            };
            let event = events(speaking).remove(which);
            let Ok(next) = job.apply(&event, now) else { continue };

            prop_assert_eq!(next.version, job.version + 1);
            prop_assert!(next.attempt <= next.max_attempts);
            if let (Some(held), Some(spoken)) = (held, event.token()) {
                prop_assert_eq!(held, spoken, "an event of a lost claim was taken");
            }
            if job.state.name().is_over() {
                prop_assert_eq!(&event, &Event::Retry, "a job that is over moved by itself");
            }
            if let State::Running { claim } = &next.state {
                prop_assert_eq!(claim.token.attempt, next.attempt);
                if job.claim().is_none() { claims += 1; }
            }
            job = next;
        }
        prop_assert!(claims <= 60);
    }
}
