use reelmill_core::JobId;
use reelmill_core::ports::About;
use uuid::Uuid;

use super::*;

fn about() -> About {
    About {
        username: "ann@example.org".into(),
        media_fid: Some("65f0c0ffee65f0c0ffee65f0".into()),
        media_key: Some("media/1".parse().unwrap()),
        from_extension: "mp4".into(),
        to_extension: "mp3".into(),
        output_fid: Some("75f0c0ffee65f0c0ffee65f0".into()),
        output_key: Some("outputs/2.mp3".parse().unwrap()),
        task: Some(7),
    }
}

fn heard(channel: Channel, body: &Value) -> Result<Message, Unreadable> {
    read(channel, body.to_string().as_bytes())
}

#[test]
fn a_ring_carries_every_field_of_the_contracts() {
    let job = JobId(Uuid::from_u128(5));
    let body: Value = serde_json::from_slice(&write(&Ring { job, about: Some(about()) })).unwrap();
    let wanted = json!({
        "job_id": "00000000-0000-0000-0000-000000000005",
        "username": "ann@example.org",
        "video_fid": "65f0c0ffee65f0c0ffee65f0",
        "mp3_fid": "75f0c0ffee65f0c0ffee65f0",
        "task_id": 7,
        "in_route": "media/1",
        "out_route": "outputs/2.mp3",
        "in_ext": "mp4",
        "out_ext": "mp3",
    });
    assert_eq!(body, wanted);
}

#[test]
fn what_is_not_there_yet_is_null() {
    let ring =
        Ring { job: JobId(Uuid::nil()), about: Some(About { output_fid: None, task: None, ..about() }) };
    let body: Value = serde_json::from_slice(&write(&ring)).unwrap();
    assert_eq!((&body["mp3_fid"], &body["task_id"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_ring_of_ours_is_read_as_its_job_on_either_channel() {
    let job = JobId(Uuid::new_v4());
    for about in [None, Some(about())] {
        let body = write(&Ring { job, about });
        assert_eq!(read(Channel::Work, &body), Ok(Message::Job(job)));
        assert_eq!(read(Channel::Results, &body), Ok(Message::Job(job)));
    }
}

#[test]
fn the_job_wins_over_whatever_else_is_named() {
    let job = JobId(Uuid::new_v4());
    let body = json!({ "job_id": job.to_string(), "video_fid": "x", "username": "ann", "task_id": [], "out_ext": 3 });
    assert_eq!(heard(Channel::Work, &body), Ok(Message::Job(job)));
}

#[test]
fn an_upload_of_somebody_else_is_understood() {
    let body = json!({ "video_fid": "65f0", "mp3_fid": null, "username": "ann", "more": { "of": ["it"] } });
    let upload = Foreign::Upload { media_fid: "65f0".into(), username: "ann".into() };
    assert_eq!(heard(Channel::Work, &body), Ok(Message::Foreign(upload)));
}

#[test]
fn a_result_of_somebody_else_is_understood() {
    let body = json!({ "video_fid": "65f0", "mp3_fid": "75f0", "username": "ann" });
    let result = Foreign::Result { output_fid: "75f0".into(), username: "ann".into() };
    assert_eq!(heard(Channel::Results, &body), Ok(Message::Foreign(result)));
}

#[test]
fn a_task_of_somebody_else_is_understood() {
    for (number, extension) in [(json!(7), "wav"), (json!("7"), ".wav")] {
        let body = json!({ "task_id": number, "in_route": "7/a.mp3", "out_route": "7/a.wav", "in_ext": "mp3", "out_ext": extension });
        let task = Foreign::Task { number: 7, original: "7/a.mp3".into(), to_extension: "wav".into() };
        assert_eq!(heard(Channel::Work, &body), Ok(Message::Foreign(task)));
    }
}

#[test]
fn a_result_that_names_nothing_new_is_not_understood() {
    let body = json!({ "video_fid": "65f0", "mp3_fid": null, "username": "ann" });
    assert!(matches!(heard(Channel::Results, &body), Err(Unreadable::NamesNothing { .. })));
}

#[test]
fn half_a_wish_is_not_understood() {
    for body in [
        json!({}),
        json!({ "video_fid": "65f0" }),
        json!({ "username": "ann" }),
        json!({ "video_fid": "", "username": "ann" }),
        json!({ "task_id": 7, "in_route": "7/a.mp3" }),
        json!({ "job_id": null }),
    ] {
        assert!(matches!(heard(Channel::Work, &body), Err(Unreadable::NamesNothing { .. })), "{body}");
    }
}

#[test]
fn a_field_of_another_kind_is_named() {
    for (body, field) in [
        (json!({ "job_id": 7 }), "job_id"),
        (json!({ "job_id": "seven" }), "job_id"),
        (json!({ "video_fid": ["65f0"], "username": "ann" }), "video_fid"),
        (json!({ "video_fid": "65f0", "username": { "name": "ann" } }), "username"),
        (json!({ "video_fid": "65\u{0}f0", "username": "ann" }), "video_fid"),
        (json!({ "video_fid": "x".repeat(1025), "username": "ann" }), "video_fid"),
        (json!({ "task_id": 7.5, "in_route": "7/a", "out_ext": "wav" }), "task_id"),
        (json!({ "task_id": u64::MAX, "in_route": "7/a", "out_ext": "wav" }), "task_id"),
        (json!({ "task_id": "__import__('os')", "in_route": "7/a", "out_ext": "wav" }), "task_id"),
        (json!({ "task_id": 7, "in_route": "7/a", "out_ext": "." }), "out_ext"),
        (json!({ "task_id": 7, "in_route": "7/a", "out_ext": "abcdefghijklmnopq" }), "out_ext"),
    ] {
        assert_eq!(heard(Channel::Work, &body), Err(Unreadable::BadField(field)), "{body}");
    }
}

#[test]
fn what_is_no_json_is_not_understood() {
    let deep = "[".repeat(5000);
    for body in ["", "hello", "{'task_id': 7}", "{\"job_id\":", "\u{0}", deep.as_str()] {
        assert!(matches!(read(Channel::Work, body.as_bytes()), Err(Unreadable::NotJson(_))), "{body:.20}");
    }
    assert!(matches!(read(Channel::Work, b"{\"job_id\": \"\xff\"}"), Err(Unreadable::NotJson(_))));
    assert_eq!(read(Channel::Work, b"[1]"), Err(Unreadable::NotAnObject));
}

#[test]
fn a_huge_body_is_not_looked_into() {
    assert_eq!(read(Channel::Work, &vec![b'['; 64 * 1024 + 1]), Err(Unreadable::TooLong(64 * 1024 + 1)));
}

#[test]
fn a_reason_is_one_short_line() {
    assert_eq!(shortened("no such\naccount `a\u{0}b`"), "no such account `a b`");
    let long = shortened(&"ü".repeat(900));
    assert_eq!((long.len(), long.chars().all(|c| c == 'ü')), (1000, true));
}
