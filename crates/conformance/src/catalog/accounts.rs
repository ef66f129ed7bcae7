//! Accounts, their keys and the tokens that ended.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, Sequence};
use reelmill_core::{EndedToken, User, UserId, Write};

use super::sample::{NOW, api_key, commit, conflict, id, user};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn added(catalog: &dyn Catalog) -> User {
    let user = user();
    commit(catalog, [Write::AddUser(user.clone())]).await;
    user
}

pub(super) async fn a_user_is_found_by_id_number_address_and_name(place: Setup) {
    let catalog = place.open().await;
    let user = added(&*catalog).await;
    added(&*catalog).await;
    assert_eq!(catalog.user(user.id).await.unwrap().as_ref(), Some(&user));
    assert_eq!(catalog.user_by_login(&user.email).await.unwrap().as_ref(), Some(&user));
    assert_eq!(catalog.user_by_login(&user.name).await.unwrap().as_ref(), Some(&user));
    assert_eq!(catalog.user_by_number(user.number).await.unwrap().as_ref(), Some(&user));
    assert_eq!(catalog.user_by_login("nobody").await.unwrap(), None);
    assert_eq!(catalog.user_by_number(-1).await.unwrap(), None);
    assert_eq!(catalog.user(id()).await.unwrap(), None);
}

pub(super) async fn addresses_and_names_are_compared_in_lower_case(place: Setup) {
    let catalog = place.open().await;
    let user = User { email: "ÄNNE@Example.org".to_owned(), name: "Änne Groß".to_owned(), ..user() };
    commit(&*catalog, [Write::AddUser(user.clone())]).await;
    for login in ["änne@example.org", "Änne@EXAMPLE.ORG", "ÄNNE GROß"] {
        assert_eq!(catalog.user_by_login(login).await.unwrap().as_ref(), Some(&user), "{login}");
    }
    let rival = User { email: "änne@EXAMPLE.org".to_owned(), ..super::sample::user() };
    conflict(&*catalog, [Write::AddUser(rival)]).await;
}

pub(super) async fn an_address_or_name_or_number_is_given_once(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog).await;
    let rivals = [
        User { id: there.id, ..user() },
        User { email: there.email.to_uppercase(), ..user() },
        User { name: there.name.to_lowercase(), ..user() },
        User { number: there.number, ..user() },
    ];
    for rival in rivals {
        conflict(&*catalog, [Write::AddUser(rival)]).await;
    }
    assert_eq!(catalog.user(there.id).await.unwrap(), Some(there));
}

pub(super) async fn a_name_equal_to_anothers_address_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog).await;
    conflict(&*catalog, [Write::AddUser(User { name: there.email.to_uppercase(), ..user() })]).await;
}

pub(super) async fn an_address_equal_to_anothers_name_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog).await;
    conflict(&*catalog, [Write::AddUser(User { email: there.name.clone(), ..user() })]).await;
}

pub(super) async fn a_user_whose_name_is_its_own_address_is_taken(place: Setup) {
    let catalog = place.open().await;
    let user = User { name: "me@example.org".to_owned(), email: "Me@example.org".to_owned(), ..user() };
    commit(&*catalog, [Write::AddUser(user.clone())]).await;
    assert_eq!(catalog.user_by_login("ME@example.org").await.unwrap(), Some(user));
}

pub(super) async fn a_stale_user_is_refused(place: Setup) {
    let catalog = place.open().await;
    let user = added(&*catalog).await;
    let next = User { epoch: 1, version: 2, ..user.clone() };
    commit(&*catalog, [Write::ReplaceUser(next.clone())]).await;
    conflict(&*catalog, [Write::ReplaceUser(User { epoch: 5, version: 2, ..user.clone() })]).await;
    conflict(&*catalog, [Write::ReplaceUser(User { version: 4, ..user.clone() })]).await;
    conflict(&*catalog, [Write::ReplaceUser(User { version: 0, ..user.clone() })]).await;
    conflict(&*catalog, [Write::ReplaceUser(User { id: id(), version: 2, ..super::sample::user() })]).await;
    assert_eq!(catalog.user(user.id).await.unwrap(), Some(next));
}

pub(super) async fn a_renamed_user_is_found_by_the_new_name_only(place: Setup) {
    let catalog = place.open().await;
    let user = added(&*catalog).await;
    let renamed = User {
        name: "Someone New".to_owned(),
        email: "new@example.org".to_owned(),
        version: 2,
        ..user.clone()
    };
    commit(&*catalog, [Write::ReplaceUser(renamed.clone())]).await;
    assert_eq!(catalog.user_by_login("someone new").await.unwrap().as_ref(), Some(&renamed));
    assert_eq!(catalog.user_by_login(&user.name).await.unwrap(), None);
    // What it was called by is free again.
    commit(&*catalog, [Write::AddUser(User { id: id(), number: user.number + 1_000_000, ..user })]).await;
}

pub(super) async fn a_rename_to_anothers_name_is_refused(place: Setup) {
    let catalog = place.open().await;
    let (one, other) = (added(&*catalog).await, added(&*catalog).await);
    for taken in [other.name.to_uppercase(), other.email.clone()] {
        conflict(&*catalog, [Write::ReplaceUser(User { name: taken, version: 2, ..one.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceUser(User { number: other.number, version: 2, ..one.clone() })]).await;
    assert_eq!(catalog.user_by_login(&one.name).await.unwrap(), Some(one));
    assert_eq!(catalog.user_by_login(&other.name).await.unwrap(), Some(other));
}

pub(super) async fn a_dropped_user_is_gone_with_its_keys(place: Setup) {
    let catalog = place.open().await;
    let (user, other) = (added(&*catalog).await, added(&*catalog).await);
    let (key, others_key) = (api_key(user.id), api_key(other.id));
    commit(&*catalog, [Write::AddApiKey(key.clone()), Write::AddApiKey(others_key.clone())]).await;
    commit(&*catalog, [Write::DropUser(user.id)]).await;
    assert_eq!(catalog.user(user.id).await.unwrap(), None);
    assert_eq!(catalog.user_by_login(&user.email).await.unwrap(), None);
    assert_eq!(catalog.api_key_by_hash(&key.secret_hash).await.unwrap(), None);
    assert_eq!(catalog.api_key(others_key.id).await.unwrap(), Some(others_key));
    commit(&*catalog, [Write::AddUser(User { id: id(), ..user })]).await;
}

pub(super) async fn a_user_that_is_not_there_cannot_be_dropped(place: Setup) {
    conflict(&*place.open().await, [Write::DropUser(id())]).await;
}

pub(super) async fn an_api_key_is_found_by_its_secret(place: Setup) {
    let catalog = place.open().await;
    let user: UserId = id();
    let keys = [api_key(user), api_key(user), api_key(id())];
    commit(&*catalog, keys.clone().map(Write::AddApiKey)).await;
    assert_eq!(catalog.api_key_by_hash(&keys[1].secret_hash).await.unwrap().as_ref(), Some(&keys[1]));
    assert_eq!(catalog.api_key_by_hash("ab").await.unwrap(), None);
    assert_eq!(catalog.api_key(keys[0].id).await.unwrap().as_ref(), Some(&keys[0]));
    assert_eq!(catalog.api_keys(user).await.unwrap(), keys[..2]);
}

pub(super) async fn an_api_key_is_dropped_by_its_owner_only(place: Setup) {
    let catalog = place.open().await;
    let key = api_key(id());
    commit(&*catalog, [Write::AddApiKey(key.clone())]).await;
    conflict(&*catalog, [Write::DropApiKey(key.id, id())]).await;
    assert_eq!(catalog.api_key(key.id).await.unwrap().as_ref(), Some(&key));
    commit(&*catalog, [Write::DropApiKey(key.id, key.user_id)]).await;
    assert_eq!(catalog.api_key(key.id).await.unwrap(), None);
    conflict(&*catalog, [Write::DropApiKey(key.id, key.user_id)]).await;
}

pub(super) async fn a_secret_stands_for_one_key(place: Setup) {
    let catalog = place.open().await;
    let key = api_key(id());
    commit(&*catalog, [Write::AddApiKey(key.clone())]).await;
    let mut rival = api_key(id());
    rival.secret_hash.clone_from(&key.secret_hash);
    conflict(&*catalog, [Write::AddApiKey(rival)]).await;
    let mut same_id = api_key(id());
    same_id.id = key.id;
    conflict(&*catalog, [Write::AddApiKey(same_id)]).await;
}

pub(super) async fn a_token_ends_once_or_twice_alike(place: Setup) {
    let catalog = place.open().await;
    let token = EndedToken { jti: "jti-1".to_owned(), expires_at: NOW.plus_ms(60_000) };
    assert!(!catalog.is_token_ended("jti-1").await.unwrap());
    commit(&*catalog, [Write::EndToken(token.clone())]).await;
    commit(&*catalog, [Write::EndToken(token)]).await;
    assert!(catalog.is_token_ended("jti-1").await.unwrap());
    assert!(!catalog.is_token_ended("jti-2").await.unwrap());
}

pub(super) async fn each_sequence_counts_for_itself(place: Setup) {
    let catalog = place.open().await;
    for expected in 1..=3 {
        for sequence in [Sequence::Users, Sequence::Videos, Sequence::Tasks] {
            assert_eq!(catalog.next_number(sequence).await.unwrap(), expected, "{sequence:?}");
        }
    }
}

pub(super) async fn numbers_are_never_given_twice(place: Setup) {
    let catalog = place.open().await;
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 1);
    let tries = (0..40).map(|_| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.next_number(Sequence::Users).await.unwrap() })
    });
    let numbers: HashSet<i64> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(numbers.len(), 40);
    assert!(numbers.iter().all(|number| *number > 1));
}
