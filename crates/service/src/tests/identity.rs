//! Who is who.

use reelmill_core::{Door, Kind, Role};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Duration;

use super::world::{World, options};
use crate::{Entrance, NewAccount, Options, Service, SignUp};

const ENTRANCE: Entrance = Entrance { door: Door::V1, peer: None };

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

async fn token(service: &Service, login: &str, password: &str) -> Result<String, Kind> {
    service
        .sign_in(login, secret(password), ENTRANCE)
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
    let wrong = world.service.sign_in("alice@example.com", secret("nope"), ENTRANCE).await.unwrap_err();
    let unknown = world.service.sign_in("nobody@example.com", secret("nope"), ENTRANCE).await.unwrap_err();
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

fn stranger(name: &str, email: &str) -> SignUp {
    let again = Some(secret("a good password"));
    SignUp {
        name: name.into(),
        email: email.into(),
        password: secret("a good password"),
        again,
        role: Role::Member,
        peer: None,
    }
}

async fn open_world() -> (World, Service) {
    let world = World::new().await;
    let open = world.process(Options { is_sign_up_open: true, ..options() });
    (world, open)
}

#[tokio::test]
async fn while_sign_up_is_off_nobody_signs_up() {
    let world = World::new().await;
    let error = world.service.sign_up(stranger("eve", "eve@example.com")).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::Forbidden, "sign-up-off"));
    assert_eq!(world.service.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_stranger_signs_up_as_what_the_door_says_and_never_as_an_admin() {
    let (_world, service) = open_world().await;
    for (name, wished, made) in [
        ("eve", Role::Member, Role::Member),
        ("gus", Role::Guest, Role::Guest),
        ("ivy", Role::Admin, Role::Member),
    ] {
        let email = format!("{name}@example.com");
        let user = service.sign_up(SignUp { role: wished, ..stranger(name, &email) }).await.unwrap();
        assert_eq!((user.role, user.name.as_str()), (made, name));
        assert!(token(&service, name, "a good password").await.is_ok());
        assert!(token(&service, &email, "a good password").await.is_ok());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_up_is_told_in_the_contracts_order() {
    let (_world, service) = open_world().await;
    service.sign_up(stranger("eve", "eve@example.com")).await.unwrap();
    let differing = |name: &str, email: &str| SignUp { again: Some(secret("x")), ..stranger(name, email) };
    let short = SignUp { password: secret("x"), ..differing("new", "new@example.com") };
    for (wish, problem) in [
        (differing("eve", " EVE@example.com"), "email-taken"),
        (differing("eve", "nonsense"), "invalid-email"),
        (differing("EVE ", "new@example.com"), "name-taken"),
        (differing("eve@example.com", "new@example.com"), "name-taken"),
        (differing("new", "new@example.com"), "passwords-differ"),
        (short, "invalid-request"),
    ] {
        assert_eq!(service.sign_up(wish).await.unwrap_err().problem, problem);
    }
    assert_eq!(service.accounts().await.unwrap().len(), 3);
}

#[tokio::test]
async fn of_two_who_sign_up_at_once_one_is_told_what_is_taken() {
    for (email, problem) in [("eve@example.com", "email-taken"), ("other@example.com", "name-taken")] {
        let (_world, service) = open_world().await;
        let (one, two) = tokio::join!(
            service.sign_up(stranger("eve", "eve@example.com")),
            service.sign_up(stranger("eve", email))
        );
        let refused: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.iter().map(|error| error.problem).collect::<Vec<_>>(), [problem]);
    }
}

#[tokio::test(start_paused = true)]
async fn guesses_at_an_account_are_counted_in_any_spelling_and_its_owner_is_let_in_later() {
    let world = World::new().await;
    let guess = |login: &'static str, password: &'static str| token(&world.service, login, password);
    for _ in 0..5 {
        assert_eq!(guess("alice@example.com", "nope").await.unwrap_err(), Kind::Unauthenticated);
        assert_eq!(guess(" ALICE@example.com", "nope").await.unwrap_err(), Kind::Unauthenticated);
    }
    assert_eq!(guess("alice@example.com", "a good password").await.unwrap_err(), Kind::TooMany);
    assert!(guess("bob@example.com", "a good password").await.is_ok());
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(guess("alice@example.com", "a good password").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_accounts_name_gives_no_guesses_beside_those_by_its_address() {
    let (_world, service) = open_world().await;
    service.sign_up(stranger("eve", "eve@example.com")).await.unwrap();
    for login in ["eve", "eve@example.com"].repeat(5) {
        assert_eq!(token(&service, login, "nope").await.unwrap_err(), Kind::Unauthenticated);
    }
    for login in ["eve", "eve@example.com"] {
        assert_eq!(token(&service, login, "nope").await.unwrap_err(), Kind::TooMany);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_there_is_counted_like_one_that_is() {
    let world = World::new().await;
    for login in ["alice@example.com", "nobody@example.com"] {
        for _ in 0..10 {
            assert_eq!(token(&world.service, login, "nope").await.unwrap_err(), Kind::Unauthenticated);
        }
        let error = world.service.sign_in(login, secret("nope"), ENTRANCE).await.unwrap_err();
        assert_eq!((error.kind, error.problem), (Kind::TooMany, "too-many-tries"));
        assert!(error.retry_after.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn who_knows_the_password_is_never_held_up() {
    let world = World::new().await;
    for _ in 0..30 {
        assert!(token(&world.service, "alice@example.com", "a good password").await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_made_from_one_address_are_counted() {
    let (_world, service) = open_world().await;
    let peer = Some("192.0.2.1".parse().unwrap());
    let wish = |number: u32| SignUp { peer, ..stranger(&format!("u{number}"), "nonsense") };
    for number in 0..60 {
        assert_eq!(service.sign_up(wish(number)).await.unwrap_err().problem, "invalid-email");
    }
    assert_eq!(service.sign_up(wish(60)).await.unwrap_err().kind, Kind::TooMany);
    let elsewhere = SignUp { peer: Some("192.0.2.2".parse().unwrap()), ..wish(61) };
    assert_eq!(service.sign_up(elsewhere).await.unwrap_err().problem, "invalid-email");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_tasks_door_has_its_claims_and_ends_after_15_minutes() {
    let world = World::new().await;
    let entrance = Entrance { door: Door::Tasks, peer: None };
    let session =
        world.service.sign_in("alice@example.com", secret("a good password"), entrance).await.unwrap();
    let token = session.token.expose_secret();
    let (_, claims) = world.service.authenticate_token(token).await.unwrap();
    assert_eq!((claims.sub.as_str(), claims.sort.as_deref()), ("alice@example.com", Some("access")));
    assert_eq!((claims.nbf, claims.exp - claims.iat), (Some(claims.iat), 15 * 60));
    world.clock.jump_ms(15 * 60_000 - 1000);
    assert!(world.service.authenticate(token).await.is_ok());
    world.clock.jump_ms(1000);
    assert_eq!(world.service.authenticate(token).await.unwrap_err().kind, Kind::Unauthenticated);
}
