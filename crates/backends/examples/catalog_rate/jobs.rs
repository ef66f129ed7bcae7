//! Jobs as the service makes them.

use reelmill_core::{
    Door, Event, Format, Job, Output, Priority, Profile, Pulse, Settings, State, Timestamp, Token,
};
use uuid::Uuid;

use crate::Failure;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(crate) fn queued() -> Result<Job, Failure> {
    Ok(Job {
        id: Uuid::new_v4().into(),
        account: Uuid::new_v4().into(),
        media_id: Some(Uuid::new_v4().into()),
        origin: None,
        song: None,
        task: None,
        profile: Profile::named("mp3").ok_or("there is no profile mp3")?,
        overrides: Settings::default(),
        plan: Some("encoded: aac 44.1 kHz stereo to mp3 128 kbit/s".to_owned()),
        priority: Priority::Normal,
        door: Door::V1,
        max_attempts: 3,
        deadline_ms: 3_600_000,
        created_at: NOW,
        started_at: None,
        changed_at: NOW,
        attempt: 0,
        state: State::Queued { due_at: NOW, last_failure: None },
        version: 1,
        pulse: Pulse::default(),
    })
}

pub(crate) fn claimed(job: &Job) -> Result<Job, Failure> {
    let token = Token { attempt: job.attempt + 1, nonce: Uuid::new_v4() };
    Ok(job.apply(&Event::Claim { token, worker: "w1".to_owned() }, NOW)?)
}

pub(crate) fn done(job: &Job) -> Result<(Job, Output), Failure> {
    let token = job.claim().map(|claim| claim.token).ok_or("it has no claim")?;
    let id = Uuid::new_v4();
    let output = Output {
        id: id.into(),
        job_id: job.id,
        media_id: job.media_id.ok_or("it has no media")?,
        owner: job.account,
        fid: id.to_string(),
        name: "talk.mp3".to_owned(),
        key: format!("outputs/{id}.mp3").parse()?,
        size_bytes: 321_000,
        format: Format::Mp3,
        duration_ms: 20_032,
        created_at: NOW,
    };
    Ok((job.apply(&Event::Complete { token, output: output.id }, NOW)?, output))
}
