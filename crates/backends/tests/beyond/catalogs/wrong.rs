//! Deployments and texts that are wrong: each is said in one sentence that helps, and never with a password.

use reelmill_backends::{Deployment, catalog};
use reelmill_core::ports::CatalogError;
use reelmill_core::{EndedToken, Timestamp, Write};

use super::database::Database;

async fn refusal(url: &str) -> String {
    let refused = catalog::open(url, &Deployment::within(".".into())).await.err().unwrap();
    refused.to_string()
}

/// The server's URL with a name and a password, or other ones.
fn as_user(server: &str, user: &str, database: &str) -> String {
    let mut url: url::Url = format!("{server}{database}").parse().unwrap();
    url.set_username(user).unwrap();
    url.set_password(Some("se-cret")).unwrap();
    url.into()
}

pub(crate) async fn a_missing_database_is_named_with_what_makes_it(server: String) {
    let said = refusal(&format!("{server}reelmill_never_made")).await;
    assert!(said.contains("has no database `reelmill_never_made`: create it with CREATE DATABASE"), "{said}");
}

pub(crate) async fn a_server_that_is_not_there_is_named_without_the_password(server: String) {
    let mut url: url::Url = as_user(&server, "someone", "reelmill").parse().unwrap();
    url.set_port(Some(1)).unwrap();
    let said = refusal(url.as_str()).await;
    assert!(said.contains("127.0.0.1:1: ") && !said.contains("se-cret"), "{said}");
    url.set_host(Some("no-such-host.invalid")).unwrap();
    let said = refusal(url.as_str()).await;
    assert!(said.contains("no-such-host.invalid:1: ") && !said.contains("se-cret"), "{said}");
}

pub(crate) async fn a_wrong_password_is_said_and_not_shown(server: String) {
    let said = refusal(&as_user(&server, "root", "mysql")).await;
    assert!(said.contains("does not let `root` in") && !said.contains("se-cret"), "{said}");
}

pub(crate) async fn a_url_that_lacks_something_is_refused_with_its_form(server: String) {
    let (scheme, _) = server.split_once(':').unwrap();
    for rest in
        ["", "//", "//host", "//host/", "//user:se-cret@/x", "//host/a/b", "//user:se-cret@host:port/x"]
    {
        let said = refusal(&format!("{scheme}:{rest}")).await;
        assert!(said.contains("user:password@host:port/database"), "{rest}: {said}");
        assert!(!said.contains("se-cret"), "{said}");
    }
    let said = refusal(&format!("{scheme}://host/x?timeout=se-cret")).await;
    assert!(said.contains("nothing is known of `timeout`") && !said.contains("se-cret"), "{said}");
}

pub(crate) async fn text_with_a_nul_fails_alone(server: String) {
    let database = Database::create(&server).await;
    let catalog = catalog::open(&database.url(), &Deployment::within(".".into())).await.unwrap();
    let ended = |jti: &str| {
        let token = EndedToken { jti: jti.to_owned(), expires_at: Timestamp::from_ms(1) };
        vec![Write::EndToken(token)]
    };
    let tries =
        (0..30).map(|n| catalog.commit(ended(&if n % 3 == 0 { format!("{n}\0") } else { n.to_string() })));
    for (n, taken) in futures_util::future::join_all(tries).await.into_iter().enumerate() {
        match taken {
            Ok(()) => assert!(n % 3 != 0),
            Err(error) => assert!(n % 3 == 0 && matches!(error, CatalogError::Corrupt(_)), "{n}: {error}"),
        }
        assert_eq!(catalog.is_token_ended(&n.to_string()).await.unwrap(), n % 3 != 0);
    }
    assert!(!catalog.is_token_ended("0\0").await.unwrap());
    assert_eq!(catalog.user_by_login("some\0one").await.unwrap(), None);
    catalog.check().await.unwrap();
}
