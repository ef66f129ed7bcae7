//! Videos: published by whom, seen by whom, and nothing left over of what was refused, replaced or removed.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_core::{Kind, MediaId, Role, Video};
use secrecy::SecretString;
use tokio::time::{Duration, sleep};

use super::world::{World, upload};
use crate::{Announced, Caller, Error, NewAccount, VideoDetails};

fn details(extension: &str) -> VideoDetails {
    VideoDetails { title: "A mill".into(), extension: extension.into(), ..VideoDetails::default() }
}

fn picture(text: &str) -> impl futures_util::Stream<Item = Result<Bytes, Error>> + use<> {
    stream::iter([Ok(Bytes::from(text.to_owned()))])
}

async fn account(world: &World, name: &str, role: Role) -> Caller {
    let password = SecretString::from("a good password");
    let new = NewAccount { email: format!("{name}@example.com"), name: None, role, password };
    Caller { user: world.service.add_account(new).await.unwrap() }
}

async fn published(world: &World, text: &str) -> MediaId {
    world.service.upload_video(&world.alice, upload(text)).await.unwrap().id
}

/// The name under which the picture of a video of Alice's is expected.
async fn announced(world: &World, id: MediaId) -> String {
    world.service.publish(&world.alice, id, details("png")).await.unwrap().thumbnail.unwrap().name()
}

/// An upload by the door's own call, with what is said beside its bytes.
async fn sent(
    world: &World,
    caller: Option<&Caller>,
    trusted: bool,
    owner: i64,
    size_bytes: i64,
) -> Result<Video, Kind> {
    let bytes = stream::iter([Ok(Bytes::from("to")), Ok(Bytes::from("ne"))]);
    let said = move || Announced { owner, size_bytes };
    let media =
        world.service.upload_video_for(caller, trusted, bytes, said).await.map_err(|error| error.kind)?;
    world.service.video(media.id).await.map_err(|error| error.kind)
}

#[tokio::test(start_paused = true)]
async fn a_video_is_its_senders_or_the_announced_accounts_where_that_may_be() {
    let world = World::new().await;
    let (admin, guest) =
        (account(&world, "admin", Role::Admin).await, account(&world, "guest", Role::Guest).await);
    let (alice, bob) = (&world.alice, &world.bob);
    let number = |caller: &Caller| caller.user.number;
    let owner = |video: Result<Video, Kind>| video.map(|video| video.owner);
    for (caller, trusted, named, expected) in [
        (Some(alice), false, 0, Ok(alice.id())),
        (Some(alice), false, number(alice), Ok(alice.id())),
        (Some(alice), false, number(bob), Err(Kind::Forbidden)),
        (Some(&admin), false, number(bob), Ok(bob.id())),
        (Some(&admin), false, 999, Err(Kind::NotFound)),
        (Some(&admin), false, number(&guest), Err(Kind::Forbidden)),
        (Some(&guest), false, 0, Err(Kind::Forbidden)),
        (None, true, number(bob), Ok(bob.id())),
        (None, true, number(&guest), Err(Kind::Forbidden)),
        (None, true, 0, Err(Kind::Unauthenticated)),
        (None, true, -1, Err(Kind::NotFound)),
        (None, false, number(bob), Err(Kind::Unauthenticated)),
    ] {
        let who = caller.map(|caller| &caller.user.email);
        assert_eq!(
            owner(sent(&world, caller, trusted, named, 0).await),
            expected,
            "{who:?} {trusted} {named}"
        );
    }
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn the_announced_size_is_the_size_or_nothing_is_kept() {
    let world = World::new().await;
    assert!(sent(&world, Some(&world.alice), false, 0, 4).await.is_ok());
    for wrong in [3, 5, -4, i64::MAX, i64::MIN] {
        assert_eq!(sent(&world, Some(&world.alice), false, 0, wrong).await, Err(Kind::Invalid), "{wrong}");
    }
    world.settle().await;
    assert_eq!(world.shelf.keys().len(), 1);
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_can_be_nobodys_sender_is_refused_before_the_first_byte() {
    let world = World::new().await;
    let guest = account(&world, "guest", Role::Guest).await;
    for caller in [None, Some(&guest)] {
        let never = stream::pending::<Result<Bytes, Error>>();
        let refused = world.service.upload_video_for(caller, false, never, Announced::default).await;
        assert!(matches!(refused.unwrap_err().kind, Kind::Unauthenticated | Kind::Forbidden));
    }
}

#[tokio::test(start_paused = true)]
async fn a_media_is_private_until_its_owner_or_an_admin_publishes_it() {
    let world = World::new().await;
    let id = world.upload("tone").await.unwrap().media.id;
    let (admin, guest) =
        (account(&world, "admin", Role::Admin).await, account(&world, "guest", Role::Guest).await);
    let service = &world.service;
    let sees = async |caller: Option<&Caller>| service.video_content(caller, id).await.is_ok();
    assert!(sees(Some(&world.alice)).await && sees(Some(&admin)).await);
    assert!(!sees(Some(&world.bob)).await && !sees(Some(&guest)).await && !sees(None).await);
    assert_eq!(service.video(id).await.unwrap_err().kind, Kind::NotFound);
    for (caller, kind) in [(&world.bob, Kind::NotFound), (&guest, Kind::Forbidden)] {
        assert_eq!(service.publish(caller, id, details("")).await.unwrap_err().kind, kind);
    }
    assert_eq!(service.videos(None).await.unwrap(), []);
    let video = service.publish(&admin, id, details("")).await.unwrap();
    assert_eq!((video.owner, video.number), (world.alice.id(), 1));
    assert!(sees(None).await && sees(Some(&guest)).await);
    assert_eq!(service.videos(None).await.unwrap(), [video]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_trusted_acts_as_the_videos_owner_and_nobody_else_does() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let name = announced(&world, id).await;
    let service = &world.service;
    assert_eq!(service.acting_on_video(None, id, true).await.unwrap().id(), world.alice.id());
    assert_eq!(service.acting_on_picture(None, &name, true).await.unwrap().id(), world.alice.id());
    assert_eq!(service.acting_on_video(Some(&world.bob), id, true).await.unwrap().id(), world.bob.id());
    assert_eq!(service.acting_on_video(None, id, false).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(service.acting_on_picture(None, &name, false).await.unwrap_err().kind, Kind::Unauthenticated);
    let nothing = MediaId(uuid::Uuid::nil());
    assert_eq!(service.acting_on_video(None, nothing, true).await.unwrap_err().kind, Kind::NotFound);
    for name in ["unknown.png", "../x.png", ""] {
        assert_eq!(
            service.acting_on_picture(None, name, true).await.unwrap_err().kind,
            Kind::NotFound,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_taken_once_under_the_name_that_was_given_out() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let name = announced(&world, id).await;
    let service = &world.service;
    let add = async |caller: &Caller, name: &str, text: &str| {
        service.add_picture(caller, name, picture(text)).await.map_err(|error| error.kind)
    };
    let guest = account(&world, "guest", Role::Guest).await;
    assert_eq!(add(&world.bob, &name, "picture").await, Err(Kind::NotFound));
    assert_eq!(add(&guest, &name, "picture").await, Err(Kind::Forbidden));
    assert_eq!(add(&world.alice, &name.replace("png", "gif"), "picture").await, Err(Kind::NotFound));
    assert_eq!(add(&world.alice, &name, "<svg/>").await, Err(Kind::NotMedia));
    assert_eq!(service.picture(&name).await.map(drop).unwrap_err().kind, Kind::NotFound);
    assert_eq!(add(&world.alice, &name, "picture").await, Ok(()));
    assert_eq!(add(&world.alice, &name, "picture").await, Ok(()));
    let shown = service.picture(&name).await.unwrap();
    assert!(shown.is_ours, "it is of our own making");
    assert_eq!(world.shelf.keys(), [format!("images/{name}"), format!("movies/{id}.mp4")]);
    assert_eq!(world.intents().await, []);
}

/// Whoever looked before another's picture was shown must not take that picture for a leftover of its own.
#[tokio::test(start_paused = true)]
async fn the_same_picture_sent_by_many_at_once_is_kept_once() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let name = announced(&world, id).await;
    let send = |late_ms: u64| {
        let bytes = stream::once(async move {
            sleep(Duration::from_millis(late_ms)).await;
            Ok(Bytes::from_static(b"picture"))
        });
        world.service.add_picture(&world.alice, &name, bytes.boxed())
    };
    let answers = futures_util::future::join_all((0..8).map(|nth| send(nth / 2 * 10))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(world.service.picture(&name).await.is_ok());
    world.settle().await;
    assert_eq!(world.shelf.keys(), [format!("images/{name}"), format!("movies/{id}.mp4")]);
    assert_eq!(world.intents().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_is_replaced_or_whose_video_is_removed_goes() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let service = &world.service;
    let first = announced(&world, id).await;
    service.add_picture(&world.alice, &first, picture("picture")).await.unwrap();
    // Words alone leave the picture as it is.
    let video = service.publish(&world.alice, id, details("")).await.unwrap();
    assert_eq!(video.thumbnail.unwrap().name(), first);
    let second = announced(&world, id).await;
    assert_eq!(service.picture(&first).await.map(drop).unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.shelf.keys(), [format!("movies/{id}.mp4")]);
    service.add_picture(&world.alice, &second, picture("picture")).await.unwrap();
    service.delete_media(&world.alice, id).await.unwrap();
    assert_eq!(service.picture(&second).await.map(drop).unwrap_err().kind, Kind::NotFound);
    assert_eq!((service.videos(None).await.unwrap().len(), world.shelf.keys().len()), (0, 0));
    assert_eq!(world.intents().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_picture_whose_name_is_given_up_while_it_arrives_leaves_nothing() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let name = announced(&world, id).await;
    let slow = stream::once(async {
        sleep(Duration::from_secs(5)).await;
        Ok::<_, Error>(Bytes::from("picture"))
    });
    let (added, ()) = tokio::join!(world.service.add_picture(&world.alice, &name, slow.boxed()), async {
        sleep(Duration::from_secs(1)).await;
        announced(&world, id).await;
    });
    assert_eq!(added.unwrap_err().kind, Kind::NotFound);
    world.settle().await;
    assert_eq!(world.shelf.keys(), [format!("movies/{id}.mp4")]);
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_does_not_come_is_given_up_and_too_many_at_once_are_refused() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let name = announced(&world, id).await;
    let add = || world.service.add_picture(&world.alice, &name, stream::pending());
    let all = futures_util::future::join_all((0..20).map(|_| add())).await;
    let of = |kind| all.iter().filter(|added| added.as_ref().is_err_and(|error| error.kind == kind)).count();
    assert_eq!((of(Kind::Timeout), of(Kind::Busy)), (16, 4));
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn two_who_publish_at_once_make_one_video() {
    let world = World::new().await;
    let id = world.upload("tone").await.unwrap().media.id;
    let publish = || world.service.publish(&world.alice, id, details("png"));
    let (one, other) = tokio::join!(publish(), publish());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.version, other.version);
    let videos = world.service.videos(None).await.unwrap();
    assert_eq!(videos.len(), 1);
    assert!(videos[0] == one || videos[0] == other);
}

#[tokio::test(start_paused = true)]
async fn details_have_their_limits() {
    let world = World::new().await;
    let id = published(&world, "tone").await;
    let long = |count: usize| "x".repeat(count);
    for bad in [
        VideoDetails { title: long(201), ..VideoDetails::default() },
        VideoDetails { explain: long(10_001), ..VideoDetails::default() },
        VideoDetails { category: "a\0".into(), ..VideoDetails::default() },
        VideoDetails { tags: vec![String::new(); 51], ..VideoDetails::default() },
        VideoDetails { tags: vec![long(201)], ..VideoDetails::default() },
        details("svg"),
        details("../png"),
    ] {
        assert_eq!(world.service.publish(&world.alice, id, bad).await.unwrap_err().kind, Kind::Invalid);
    }
    let video = world.service.publish(&world.alice, id, details(".PNG")).await.unwrap();
    assert_eq!(video.thumbnail.unwrap().extension, "png");
}

#[tokio::test(start_paused = true)]
async fn lists_are_the_newest_first_and_as_long_as_asked_for() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(published(&world, "tone").await);
        sleep(Duration::from_millis(5)).await;
    }
    ids.reverse();
    let listed = async |most| {
        world.service.videos(most).await.unwrap().into_iter().map(|video| video.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ids);
    assert_eq!(listed(Some(6)).await, ids[..6]);
    assert_eq!(listed(Some(0)).await, []);
}
