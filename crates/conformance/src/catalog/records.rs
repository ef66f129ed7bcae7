//! Media, outputs, receipts and notices.

use reelmill_core::ports::{Catalog, JobFilter, Sequence};
use reelmill_core::{
    AudioInfo, EndedToken, Failure, FailureKind, Job, Media, MediaInfo, Notice, NoticeKind, OpusInfo, Output,
    State, Timestamp, User, Write,
};

use super::sample::{
    NOW, at, commit, conflict, first, id, intent, job, key, media, notice, output, receipt, user,
};
use crate::Place;

type Setup = Place<dyn Catalog>;

const SCOPE: &str = "0193 POST /v1/jobs";

pub(super) async fn media_come_back_as_they_were_written(place: Setup) {
    let catalog = place.open().await;
    let audio = AudioInfo {
        codec: "aac".to_owned(),
        sample_rate_hz: 44_100,
        channels: 2,
        bits_per_sample: Some(24),
        bit_rate_bps: Some(127_999),
        frames: Some(u64::from(u32::MAX) + 1),
        opus: Some(OpusInfo { packet_frames: Some(960), output_gain: -3, ..OpusInfo::default() }),
    };
    let info = MediaInfo {
        container: "mp4".to_owned(),
        duration_ms: Some(123),
        audio: Some(audio),
        unreadable: None,
        tags: vec![("title".to_owned(), "A".to_owned()), ("title".to_owned(), "B".to_owned())],
        has_cover: true,
    };
    let full = Media { info, ..media(id()) };
    let bare = Media { info: MediaInfo::default(), created_at: Timestamp::from_ms(-1), ..media(id()) };
    commit(&*catalog, [Write::AddMedia(full.clone()), Write::AddMedia(bare.clone())]).await;
    assert_eq!(catalog.media(full.id).await.unwrap(), Some(full));
    assert_eq!(catalog.media(bare.id).await.unwrap(), Some(bare));
    assert_eq!(catalog.media(id()).await.unwrap(), None);
}

pub(super) async fn media_are_added_and_dropped_once(place: Setup) {
    let catalog = place.open().await;
    let media = media(id());
    commit(&*catalog, [Write::AddMedia(media.clone())]).await;
    conflict(&*catalog, [Write::AddMedia(media.clone())]).await;
    commit(&*catalog, [Write::DropMedia(media.id)]).await;
    conflict(&*catalog, [Write::DropMedia(media.id)]).await;
    assert_eq!(catalog.media(media.id).await.unwrap(), None);
}

pub(super) async fn a_media_is_found_by_its_fid(place: Setup) {
    let catalog = place.open().await;
    let fid = "64b7f0c2a1b2c3d4e5f60718".to_owned();
    let named = Media { fid: Some(fid.clone()), ..media(id()) };
    let bare = media(id());
    commit(&*catalog, [Write::AddMedia(bare.clone()), Write::AddMedia(named.clone())]).await;
    commit(&*catalog, [Write::AddMedia(media(id()))]).await;
    assert_eq!(catalog.media_by_fid(&fid).await.unwrap().as_ref(), Some(&named));
    assert_eq!(catalog.media_by_fid(&fid.to_uppercase()).await.unwrap(), None);
    assert_eq!(catalog.media_by_fid(&bare.id.to_string()).await.unwrap(), None);
    assert_eq!(catalog.media_by_fid("").await.unwrap(), None);
    commit(&*catalog, [Write::DropMedia(named.id)]).await;
    assert_eq!(catalog.media_by_fid(&fid).await.unwrap(), None);
    commit(&*catalog, [Write::AddMedia(named.clone())]).await;
    assert_eq!(catalog.media_by_fid(&fid).await.unwrap(), Some(named));
}

pub(super) async fn what_needs_a_media_is_refused_without_it(place: Setup) {
    let catalog = place.open().await;
    let media = media(id());
    conflict(&*catalog, [Write::NeedMedia(media.id), Write::AddIntent(intent("a"))]).await;
    commit(&*catalog, [Write::AddMedia(media.clone()), Write::NeedMedia(media.id)]).await;
    commit(&*catalog, [Write::NeedMedia(media.id)]).await;
    commit(&*catalog, [Write::DropMedia(media.id)]).await;
    conflict(&*catalog, [Write::NeedMedia(media.id)]).await;
    assert_eq!(catalog.intents(None, 10).await.unwrap(), []);
}

pub(super) async fn an_output_is_found_by_its_fid(place: Setup) {
    let catalog = place.open().await;
    let output = Output { fid: "64b7f0c2a1b2c3d4e5f60718".to_owned(), ..output(&job()) };
    commit(&*catalog, [Write::AddOutput(output.clone())]).await;
    assert_eq!(catalog.output_by_fid(&output.fid).await.unwrap().as_ref(), Some(&output));
    assert_eq!(catalog.output(output.id).await.unwrap().as_ref(), Some(&output));
    assert_eq!(catalog.output_by_fid(&output.id.to_string()).await.unwrap(), None);
    assert_eq!(catalog.output_by_fid(&output.fid.to_uppercase()).await.unwrap(), None);
}

pub(super) async fn an_output_is_added_and_dropped_once(place: Setup) {
    let catalog = place.open().await;
    let there = output(&job());
    commit(&*catalog, [Write::AddOutput(there.clone())]).await;
    conflict(&*catalog, [Write::AddOutput(Output { fid: "other".to_owned(), ..there.clone() })]).await;
    conflict(&*catalog, [Write::AddOutput(Output { fid: there.fid.clone(), ..output(&job()) })]).await;
    commit(&*catalog, [Write::DropOutput(there.id)]).await;
    conflict(&*catalog, [Write::DropOutput(there.id)]).await;
    assert_eq!(catalog.output_by_fid(&there.fid).await.unwrap(), None);
}

pub(super) async fn a_receipt_is_found_until_it_expires(place: Setup) {
    let catalog = place.open().await;
    let receipt = receipt("k1", at(100));
    commit(&*catalog, [Write::AddReceipt(receipt.clone(), NOW)]).await;
    assert_eq!(catalog.receipt(SCOPE, "k1", at(99)).await.unwrap().as_ref(), Some(&receipt));
    assert_eq!(catalog.receipt(SCOPE, "k1", at(100)).await.unwrap(), None);
    assert_eq!(catalog.receipt(SCOPE, "k2", NOW).await.unwrap(), None);
    assert_eq!(catalog.receipt("0194 POST /v1/jobs", "k1", NOW).await.unwrap(), None);
}

pub(super) async fn a_receipt_is_taken_once_while_it_lasts(place: Setup) {
    let catalog = place.open().await;
    let first = receipt("k1", at(100));
    commit(&*catalog, [Write::AddReceipt(first.clone(), NOW)]).await;
    let second = job();
    let writes = [Write::AddJob(second.clone()), Write::AddReceipt(receipt("k1", at(500)), at(99))];
    conflict(&*catalog, writes).await;
    assert_eq!(catalog.job(second.id).await.unwrap(), None);
    assert_eq!(catalog.receipt(SCOPE, "k1", NOW).await.unwrap(), Some(first));
}

pub(super) async fn an_expired_receipt_makes_room(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddReceipt(receipt("k1", at(100)), NOW)]).await;
    let second = receipt("k1", at(500));
    commit(&*catalog, [Write::AddReceipt(second.clone(), at(100))]).await;
    assert_eq!(catalog.receipt(SCOPE, "k1", at(100)).await.unwrap(), Some(second));
}

pub(super) async fn what_has_expired_is_swept(place: Setup) {
    let catalog = place.open().await;
    let token = |jti: &str, ms| Write::EndToken(EndedToken { jti: jti.to_owned(), expires_at: at(ms) });
    let writes = [
        Write::AddReceipt(receipt("old", at(10)), NOW),
        Write::AddReceipt(receipt("new", at(50)), NOW),
        token("old", 10),
        token("new", 50),
    ];
    commit(&*catalog, writes).await;
    assert_eq!(catalog.sweep_expired(at(20)).await.unwrap(), 2);
    assert_eq!(catalog.sweep_expired(at(20)).await.unwrap(), 0);
    assert_eq!(catalog.receipt(SCOPE, "old", NOW).await.unwrap(), None);
    assert!(catalog.receipt(SCOPE, "new", NOW).await.unwrap().is_some());
    assert!(!catalog.is_token_ended("old").await.unwrap());
    assert!(catalog.is_token_ended("new").await.unwrap());
}

pub(super) async fn due_notices_come_oldest_first(place: Setup) {
    let catalog = place.open().await;
    let notices = [notice(at(-50)), notice(at(-3)), notice(NOW), notice(at(1))];
    let mut writes = notices.clone().map(Write::AddNotice);
    writes.swap(0, 2);
    commit(&*catalog, writes).await;
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), notices[..3]);
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 1).await.unwrap(), notices[..1]);
}

pub(super) async fn kinds_of_notices_are_kept_apart(place: Setup) {
    let catalog = place.open().await;
    let queued = |ms| Notice { kind: NoticeKind::Queue, ..notice(at(ms)) };
    let (people, programs) = ([notice(at(-9)), notice(at(-2))], [queued(-7), queued(-1)]);
    for some in [&people, &programs] {
        commit(&*catalog, some.clone().map(Write::AddNotice)).await;
    }
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), people);
    assert_eq!(catalog.due_notices(NoticeKind::Queue, NOW, 10).await.unwrap(), programs);
    assert_eq!(catalog.due_notices(NoticeKind::Queue, NOW, 1).await.unwrap(), programs[..1]);
    let later = Notice { due_at: at(50), failures: 1, ..programs[0].clone() };
    commit(&*catalog, [Write::ReplaceNotice(later.clone()), Write::DropNotice(programs[1].id)]).await;
    assert_eq!(catalog.due_notices(NoticeKind::Queue, NOW, 10).await.unwrap(), []);
    assert_eq!(catalog.due_notices(NoticeKind::Queue, at(50), 10).await.unwrap(), [later]);
    assert_eq!(catalog.due_notices(NoticeKind::Person, at(50), 10).await.unwrap(), people);
}

pub(super) async fn a_notice_is_put_off(place: Setup) {
    let catalog = place.open().await;
    let there = notice(NOW);
    commit(&*catalog, [Write::AddNotice(there.clone())]).await;
    conflict(&*catalog, [Write::AddNotice(there.clone())]).await;
    let later = Notice { due_at: at(60_000), failures: 1, ..there };
    commit(&*catalog, [Write::ReplaceNotice(later.clone())]).await;
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), []);
    assert_eq!(catalog.due_notices(NoticeKind::Person, at(60_000), 10).await.unwrap(), [later]);
    conflict(&*catalog, [Write::ReplaceNotice(notice(NOW))]).await;
}

pub(super) async fn a_notice_is_dropped_once_or_twice_alike(place: Setup) {
    let catalog = place.open().await;
    let notice = notice(NOW);
    commit(&*catalog, [Write::AddNotice(notice.clone())]).await;
    for _ in 0..2 {
        commit(&*catalog, [Write::DropNotice(notice.id)]).await;
    }
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), []);
}

pub(super) async fn text_survives(place: Setup) {
    let catalog = place.open().await;
    let long = "long ü ".repeat(40_000);
    let texts = [
        "plain",
        "",
        " spaces ",
        "O'Brien \"the\" \\ back",
        "'; DROP TABLE jobs; --",
        "%_?$1:x",
        "line\nbreak\ttab\r",
        "a nul \0 within",
        "🎬 mañana 日本語 مرحبا",
        "e\u{301} is not é",
        "\u{feff}\u{200b}\u{202e}",
        "{\"a\": null}",
        &long,
    ];
    for text in texts {
        let record = Media { name: text.to_owned(), ..media(id()) };
        let failure = Failure::new(FailureKind::Internal, text);
        let failed = Job { state: State::Failed { failure, at: NOW }, plan: Some(text.to_owned()), ..job() };
        commit(&*catalog, [Write::AddMedia(record.clone()), Write::AddJob(failed.clone())]).await;
        assert_eq!(catalog.media(record.id).await.unwrap(), Some(record));
        assert_eq!(catalog.job(failed.id).await.unwrap(), Some(failed));
    }
    let named = User { name: "O'Brien 🎬 %_".to_owned(), ..user() };
    let odd = output(&job());
    let odd = Output { key: key("outputs/🎬 'quoted' %_?"), ..odd };
    commit(&*catalog, [Write::AddUser(named.clone()), Write::AddOutput(odd.clone())]).await;
    assert_eq!(catalog.user_by_login("o'brien 🎬 %_").await.unwrap(), Some(named));
    assert_eq!(catalog.output(odd.id).await.unwrap(), Some(odd));
    assert_eq!(catalog.user_by_login("o'brien 🎬 xx").await.unwrap(), None);
    assert_eq!(catalog.jobs(JobFilter::default(), first(100)).await.unwrap().items.len(), texts.len());
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 1);
}
