//! The pages of the video site over the real router: what they show to whom, and with which status.

use reelmill_core::Role;
use serde_json::json;

use crate::mill::{Answer, Ask, Mill, wav};
use crate::videos::{picture, published};

async fn page(mill: &Mill, path: &str, token: Option<&str>) -> Answer {
    let ask = Ask::get(path);
    let ask = match token {
        Some(token) => ask.header("cookie", &format!("reelmill_session={token}")),
        None => ask,
    };
    let answer = mill.call(ask).await;
    if answer.status != 303 {
        assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        for inline in ["<style", " style=", " onclick=", " onerror=", "javascript:"] {
            assert!(!answer.text().contains(inline), "{path} has {inline}");
        }
    }
    answer
}

/// The page that leads on to a sign-in and back to `next`.
#[track_caller]
fn asks_to_sign_in(answer: &Answer, next: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, format!("/sign-in?next={next}").as_str())
    );
}

#[tokio::test]
async fn the_grid_shows_any_number_of_videos() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let none = page(&mill, "/videos", None).await;
    assert!(none.text().contains("Nothing here yet"), "{}", none.text());
    let mut ids = Vec::new();
    for at in 0..30 {
        ids.insert(0, published(&mill, &ann, &format!("Film {at}")).await);
        if at == 0 {
            let one = page(&mill, "/videos", None).await;
            assert_eq!(one.text().matches("video-card").count(), 1);
            assert!(!one.text().contains("More pages"));
        }
    }
    let (mut seen, mut path) = (Vec::new(), "/videos".to_owned());
    loop {
        let answer = page(&mill, &path, None).await;
        assert_eq!(answer.status, 200);
        let links = answer.text().split("<h2><a href=\"/watch?v=").skip(1);
        seen.extend(links.map(|rest| rest.split_once(".mp4&amp;size=").unwrap().0.to_owned()));
        let Some((_, next)) = answer.text().split_once("rel=\"next\" href=\"") else { break };
        path = next.split('"').next().unwrap().to_owned();
    }
    assert_eq!(seen, ids);
    assert_eq!(page(&mill, "/videos?cursor=x", None).await.status, 400);
    let last = ids.last().unwrap();
    let past = page(&mill, &format!("/videos?cursor={last}"), None).await;
    assert!(past.text().contains("There are no older videos."));
}

#[tokio::test]
async fn a_video_is_shown_with_what_is_said_of_it_and_nothing_of_that_is_markup() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "x").await;
    let details = json!({
        "title": "<b>The mill</b> & \"more\"", "explain": "First.\n<script>alert(1)</script>", "tags": ["a<b", "c"],
        "category": "Craft'"
    });
    let path = format!("/v1/videos/{id}");
    assert_eq!(mill.call(Ask::put(&path).bearer(&ann).json(&details)).await.status, 200);
    for address in
        [format!("/watch?v={id}.mp4"), format!("/watch?v={id}.mp4&size=junk"), format!("/watch?v={id}")]
    {
        let shown = page(&mill, &address, None).await;
        assert_eq!(shown.status, 200, "{address}");
        let text = shown.text();
        for part in [
            "<title>&lt;b&gt;The mill&lt;/b&gt; &amp; &quot;more&quot; · Reelmill</title>",
            "First.\n&lt;script&gt;alert(1)&lt;/script&gt;",
            "<li>a&lt;b</li><li>c</li>",
            "Craft'",
            &format!("src=\"/v1/videos/{id}/content\""),
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("Edit</a>") && !text.contains("poster="));
    }
    let form = page(&mill, &format!("/edit-video?v={id}.mp4"), Some(&ann)).await;
    assert!(
        form.text().contains("value=\"&lt;b&gt;The mill&lt;/b&gt; &amp; &quot;more&quot;\""),
        "{}",
        form.text()
    );
    assert!(form.text().contains("\nFirst.\n&lt;script&gt;"));
}

#[tokio::test]
async fn a_picture_stands_for_the_video_in_the_grid_and_before_it_plays() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    assert!(page(&mill, "/videos", None).await.text().contains("<svg class=\"placeholder"));
    let sent = mill.call(Ask::put(&format!("/v1/videos/{id}/thumbnail")).bearer(&ann).body(picture())).await;
    assert_eq!(sent.status, 200);
    let grid = page(&mill, "/videos", None).await;
    let source = format!("src=\"/v1/videos/{id}/thumbnail?width=480\"");
    assert!(grid.text().contains(&source) && !grid.text().contains("placeholder"), "{}", grid.text());
    let watch = page(&mill, &format!("/watch?v={id}.mp4"), None).await;
    assert!(watch.text().contains(&format!("poster=\"/v1/videos/{id}/thumbnail?width=1280\"")));
}

#[tokio::test]
async fn what_is_not_published_has_a_page_for_its_owner_and_admins_alone() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let admin = mill.account("root", Role::Admin).await;
    let id = mill.upload(&ann, "secret.wav", wav(50)).await;
    let watch = format!("/watch?v={id}.mp4");
    for token in [None, Some("no token"), Some(&*bob)] {
        let refused = page(&mill, &watch, token).await;
        assert_eq!(refused.status, 404, "{token:?}");
        assert!(!refused.text().contains("secret"));
    }
    for token in [&ann, &admin] {
        let shown = page(&mill, &watch, Some(token)).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text().contains(&format!("src=\"/v1/media/{id}/content\"")));
        assert!(shown.text().contains("Not published."));
    }
    for nothing in
        ["/watch", "/watch?v=", "/watch?v=x.mp4", "/watch?v=0193a1b2-0000-7000-8000-000000000001.mp4"]
    {
        assert_eq!(page(&mill, nothing, None).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn a_stranger_signs_in_first_and_a_guest_is_told_that_the_role_does_not_reach() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let guest = mill.account("eve", Role::Guest).await;
    let id = published(&mill, &ann, "film").await;
    let edit = format!("/edit-video?v={id}.mp4");
    for path in ["/upload-video", &edit] {
        asks_to_sign_in(&page(&mill, path, None).await, path);
        let refused = page(&mill, path, Some(&guest)).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("A guest account watches only"), "{}", refused.text());
        assert_eq!(page(&mill, path, Some(&ann)).await.status, 200);
    }
    assert_eq!(page(&mill, &edit, Some(&bob)).await.status, 404);
    assert!(page(&mill, &edit, Some(&ann)).await.text().contains(&format!("data-video=\"{id}\"")));
}

#[tokio::test]
async fn the_administrators_list_has_every_video_with_its_owner_for_administrators_alone() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let admin = mill.account("root", Role::Admin).await;
    asks_to_sign_in(&page(&mill, "/admin/videos", None).await, "/admin/videos");
    assert_eq!(page(&mill, "/admin/videos", Some(&ann)).await.status, 403);
    assert!(page(&mill, "/admin/videos", Some(&admin)).await.text().contains("No video is published."));
    for at in 0..52 {
        published(&mill, if at % 2 == 0 { &ann } else { &bob }, &format!("Film {at}")).await;
    }
    let first = page(&mill, "/admin/videos", Some(&admin)).await;
    let rows = |answer: &Answer| answer.text().matches("<tr data-video=").count();
    assert_eq!(rows(&first), 50);
    for owner in ["ann", "bob"] {
        assert_eq!(first.text().matches(&format!("data-label=\"Owner\">{owner}<")).count(), 25);
    }
    let (_, next) = first.text().split_once("rel=\"next\" href=\"").unwrap();
    assert_eq!(rows(&page(&mill, next.split('"').next().unwrap(), Some(&admin)).await), 2);
}

#[tokio::test]
async fn the_registers_page_says_where_there_is_none() {
    let closed = page(&Mill::idle().await, "/register", None).await;
    assert_eq!(closed.status, 403);
    assert!(closed.text().contains("No registration here") && !closed.text().contains("<form"));
    let mill = Mill::welcoming().await;
    let open = page(&mill, "/register", None).await;
    assert_eq!(open.status, 200);
    assert!(open.text().contains("id=\"register-form\""));
    let token = mill.member("ann").await;
    assert_eq!(page(&mill, "/register", Some(&token)).await.header("location"), "/videos");
}

#[tokio::test]
async fn a_sign_in_goes_on_to_pages_of_ours_alone() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    for (path, next) in [
        ("/sign-in", "/videos"),
        ("/sign-in?next=/watch?v=x.mp4%26size=3", "/watch?v=x.mp4&size=3"),
        ("/sign-in?next=//evil.example", "/videos"),
        ("/sign-in?next=https://evil.example", "/videos"),
    ] {
        let form = page(&mill, path, None).await;
        assert_eq!(form.status, 200);
        let escaped = next.replace('&', "&amp;");
        assert!(form.text().contains(&format!("data-next=\"{escaped}\"")), "{path}: {}", form.text());
        assert_eq!(page(&mill, path, Some(&token)).await.header("location"), next);
    }
    assert!(!page(&mill, "/sign-in", None).await.text().contains("Register"));
    assert!(page(&Mill::welcoming().await, "/sign-in", None).await.text().contains("href=\"/register\""));
}
