//! Who is who.

use reelmill_core::{Kind, Role};
use secrecy::{ExposeSecret, SecretString};

use super::world::World;
use crate::{NewAccount, Service};

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

async fn token(service: &Service, login: &str, password: &str) -> Result<String, Kind> {
    service
        .sign_in(login, secret(password))
        .await
        .map(|session| session.token.expose_secret().to_owned())
        .map_err(|error| error.kind)
}

#[tokio::test]
async fn an_address_or_name_in_any_case_signs_in() {
    let world = World::new().await;
    for login in ["alice@example.com", "ALICE@Example.com", " alice@example.com "] {
        let token = token(&world.service, login, "a good password").await.unwrap();
        assert_eq!(world.service.authenticate(&token).await.unwrap(), world.alice);
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_not_told_apart() {
    let world = World::new().await;
    let wrong = world.service.sign_in("alice@example.com", secret("nope")).await.unwrap_err();
    let unknown = world.service.sign_in("nobody@example.com", secret("nope")).await.unwrap_err();
    assert_eq!((wrong.kind, &wrong.detail), (unknown.kind, &unknown.detail));
    assert_eq!(wrong.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_token_ends_with_its_session_its_password_or_its_account() {
    let world = World::new().await;
    let service = &world.service;
    let sign_in = || async { token(service, "alice@example.com", "a good password").await.unwrap() };
    let (first, second) = (sign_in().await, sign_in().await);

    let (_, claims) = service.authenticate_token(&first).await.unwrap();
    service.sign_out(&claims).await.unwrap();
    assert_eq!(service.authenticate(&first).await.unwrap_err().kind, Kind::Unauthenticated);
    assert!(service.authenticate(&second).await.is_ok());

    service.set_password("alice@example.com", secret("another password")).await.unwrap();
    assert_eq!(service.authenticate(&second).await.unwrap_err().kind, Kind::Unauthenticated);

    let third = token(service, "alice@example.com", "another password").await.unwrap();
    service.remove_account("alice@example.com").await.unwrap();
    assert_eq!(service.authenticate(&third).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_time() {
    let world = World::new().await;
    let token = token(&world.service, "alice@example.com", "a good password").await.unwrap();
    world.clock.jump_ms(24 * 3_600_000 - 60_000);
    assert!(world.service.authenticate(&token).await.is_ok());
    world.clock.jump_ms(60_000);
    assert_eq!(world.service.authenticate(&token).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn an_api_key_calls_until_it_is_deleted_and_is_nobody_elses_to_delete() {
    let world = World::new().await;
    let made = world.service.add_api_key(&world.alice, "ci").await.unwrap();
    assert!(
        !format!("{:?}", world.service.api_keys(&world.alice).await.unwrap())
            .contains(&made.secret.expose_secret()[9..])
    );
    assert_eq!(world.service.authenticate(made.secret.expose_secret()).await.unwrap(), world.alice);
    assert_eq!(world.service.remove_api_key(&world.bob, made.key.id).await.unwrap_err().kind, Kind::NotFound);
    world.service.remove_api_key(&world.alice, made.key.id).await.unwrap();
    assert_eq!(
        world.service.authenticate(made.secret.expose_secret()).await.unwrap_err().kind,
        Kind::Unauthenticated
    );
}

#[tokio::test]
async fn an_address_is_taken_once_in_any_case_and_no_name_may_look_like_it() {
    let world = World::new().await;
    let add = |email: &str, name: Option<&str>| {
        let password = secret("a good password");
        let new =
            NewAccount { email: email.into(), name: name.map(Into::into), role: Role::Member, password };
        world.service.add_account(new)
    };
    assert_eq!(add("Alice@Example.com", None).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(add("eve@example.com", Some("ALICE@example.com")).await.unwrap_err().kind, Kind::Conflict);
    assert!(add("eve@example.com", Some("Eve")).await.is_ok());
}

#[tokio::test]
async fn two_first_starts_make_one_admin() {
    let world = World::new().await;
    for login in ["alice@example.com", "bob@example.com"] {
        world.service.remove_account(login).await.unwrap();
    }
    let (one, two) = tokio::join!(
        world.service.add_first_admin("admin@localhost", secret("password one")),
        world.service.add_first_admin("admin@localhost", secret("password two")),
    );
    assert_eq!([one.unwrap(), two.unwrap()].iter().flatten().count(), 1);
    assert!(
        world.service.add_first_admin("other@localhost", secret("password three")).await.unwrap().is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_removed_account_takes_its_media_along() {
    let world = World::new().await;
    world.upload("tone").await.unwrap();
    world.service.remove_account("alice@example.com").await.unwrap();
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}
