//! Content that the store serves itself: by a redirect, where the deployment asks for it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::Method;
use reelmill::http::Settings;
use reelmill_backends::{Deployment, objects};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError};

use crate::mill::{Answer, Ask, Mill, wav};

/// A store in memory that would serve its objects itself, or that fails to say where.
struct Lending {
    inner: Arc<dyn Objects>,
    can_sign: bool,
}

#[async_trait]
impl Objects for Lending {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        self.inner.create(key).await
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        self.inner.size(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        self.inner.read(key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        if !self.can_sign {
            return Err(ObjectsError::Unavailable("no key to sign with".into()));
        }
        let kind = handout.disposition.split(';').next().unwrap_or_default();
        let (media_type, seconds) = (handout.content_type, handout.lifetime.as_secs());
        Ok(Some(format!("https://store.example/{key}?type={media_type}&kind={kind}&seconds={seconds}")))
    }

    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.inner.delete(key).await
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        self.inner.check().await
    }
}

struct Kept {
    mill: Mill,
    token: String,
    id: String,
}

impl Kept {
    async fn new(redirects_content: bool, can_sign: bool) -> Self {
        let inner = objects::open("memory:", &Deployment::within("".into())).await.unwrap();
        let settings = Settings { redirects_content, ..Settings::default() };
        let mill = Mill::on_store(settings, false, Arc::new(Lending { inner, can_sign })).await;
        let token = mill.member("ann").await;
        let id = mill.upload(&token, "a.wav", wav(100)).await;
        Self { mill, token, id }
    }

    async fn ask(&self, method: Method, header: Option<(&'static str, &str)>) -> Answer {
        let ask = Ask::new(method, &format!("/v1/media/{}/content", self.id)).bearer(&self.token);
        self.mill.call(header.into_iter().fold(ask, |ask, (name, value)| ask.header(name, value))).await
    }
}

#[tokio::test]
async fn a_get_is_sent_to_the_store_with_type_and_disposition_pinned_for_minutes() {
    let kept = Kept::new(true, true).await;
    let answer = kept.ask(Method::GET, Some(("range", "bytes=0-9"))).await;
    let address = format!("https://store.example/media/{}?type=audio/wav&kind=inline&seconds=300", kept.id);
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, address.as_str()));
    assert_eq!((answer.header("cache-control"), answer.body.len()), ("no-store", 0));
}

#[tokio::test]
async fn what_asks_for_no_bytes_is_answered_here() {
    let kept = Kept::new(true, true).await;
    let head = kept.ask(Method::HEAD, None).await;
    assert_eq!((head.status.as_u16(), head.header("accept-ranges")), (200, "bytes"));
    let etag = head.header("etag").to_owned();
    assert_eq!(kept.ask(Method::GET, Some(("if-none-match", &etag))).await.status.as_u16(), 304);
}

#[tokio::test]
async fn nobody_is_sent_to_the_store_without_a_right_to_the_content() {
    let kept = Kept::new(true, true).await;
    let path = format!("/v1/media/{}/content", kept.id);
    assert_eq!(kept.mill.call(Ask::get(&path)).await.status.as_u16(), 401);
    let bob = kept.mill.member("bob").await;
    assert_eq!(kept.mill.call(Ask::get(&path).bearer(&bob)).await.status.as_u16(), 404);
}

#[tokio::test]
async fn bytes_are_served_here_where_nobody_asks_for_redirects_or_the_store_has_none() {
    for (redirects_content, can_sign) in [(false, true), (true, false)] {
        let kept = Kept::new(redirects_content, can_sign).await;
        let answer = kept.ask(Method::GET, None).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, wav(100).len()));
    }
}
