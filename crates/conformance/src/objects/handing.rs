//! Handing an object out by an address of the store itself, where it has one.

use std::time::Duration;

use reelmill_core::ports::{Handout, Objects};

use super::plain_http::fetch;
use super::sample::{bytes, key, put};
use crate::Place;

type Setup = Place<dyn Objects>;

const HANDOUT: Handout<'_> = Handout {
    content_type: "audio/mpeg",
    disposition: "attachment; filename*=UTF-8''El%20D%C3%ADa%20%26%20m%C3%A1s.mp3",
    lifetime: Duration::from_mins(1),
};

/// An address that can be fetched here without TLS; `None` where the store hands nothing out.
async fn address(objects: &dyn Objects, name: &str) -> Option<String> {
    let address = objects.presign(&key(name), &HANDOUT).await.unwrap();
    address.filter(|address| address.starts_with("http://"))
}

pub(super) async fn a_presigned_address_gives_the_object_as_it_was_signed(place: Setup) {
    let objects = place.open().await;
    let content = bytes(300_000);
    let before = address(&*objects, "a/b").await;
    put(&*objects, "a/b", &content).await;
    let Some(address) = address(&*objects, "a/b").await else { return };
    for address in [address, before.unwrap()] {
        let answer = fetch(&address).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert!(answer.body == content);
        assert_eq!(answer.header("content-type"), Some(HANDOUT.content_type));
        assert_eq!(answer.header("content-disposition"), Some(HANDOUT.disposition));
    }
}

pub(super) async fn a_presigned_address_gives_nothing_else(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "mine", b"mine").await;
    put(&*objects, "yours", b"yours").await;
    let Some(address) = address(&*objects, "mine").await else { return };
    let flipped = match address.strip_suffix('0') {
        Some(start) => format!("{start}1"),
        None => format!("{}0", &address[..address.len() - 1]),
    };
    for tampered in [
        address.replacen("/mine?", "/yours?", 1),
        address.replacen("audio%2Fmpeg", "text%2Fhtml", 1),
        address.replacen("attachment", "inline", 1),
        address.replacen("=60&", "=6000&", 1),
        flipped,
        address.split_once('?').unwrap().0.to_owned(),
    ] {
        assert_ne!(tampered, address);
        let answer = fetch(&tampered).await;
        assert_eq!(answer.status, 403, "{tampered}");
        assert!(answer.body != b"mine" && answer.body != b"yours");
    }
}

pub(super) async fn a_presigned_address_is_of_one_key_of_any_kind(place: Setup) {
    let objects = place.open().await;
    for name in ["a b", "a+b", "a%2Fb", "日本語/曲", "a?b=c&d", "a#b", "'", "a=b,c;d@e~f"] {
        put(&*objects, name, name.as_bytes()).await;
        let Some(address) = address(&*objects, name).await else { return };
        let answer = fetch(&address).await;
        assert_eq!((answer.status, &*answer.body), (200, name.as_bytes()), "{name}");
    }
}
