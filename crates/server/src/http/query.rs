//! What the address says: parameters after the question mark, ids in the path, and the part of a list that is wished.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use reelmill_core::Kind;
use reelmill_core::ports::{Page, PageQuery};
use reelmill_service::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Problem;

/// The items of a list where nothing is said.
const PRESET_LIMIT: u32 = 50;

/// The most items of a list.
const MOST_LIMIT: u32 = 200;

/// The parameters after the question mark.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| Problem::invalid(format!("the query is wrong: {}", error.body_text())))
    }
}

/// An id in the path. What is no id is the id of nothing, so that it answers 404.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid(error.body_text()))?;
        text.parse().map(Self).map_err(|_| {
            Error::new(Kind::NotFound, "not-found", format!("there is nothing of the id `{text}`")).into()
        })
    }
}

/// Which part of a list is wished.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// At most so many items, 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next` of the list before.
    cursor: Option<String>,
}

impl PageParams {
    pub(super) fn query(&self) -> Result<PageQuery, Problem> {
        page_query(self.limit, self.cursor.as_deref())
    }
}

pub(super) fn page_query(limit: Option<u32>, cursor: Option<&str>) -> Result<PageQuery, Problem> {
    let limit = limit.unwrap_or(PRESET_LIMIT);
    if !(1..=MOST_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!("limit is {limit}; 1 to {MOST_LIMIT} are possible")));
    }
    let after = cursor
        .map(Uuid::parse_str)
        .transpose()
        .map_err(|_| Problem::invalid("cursor is none of ours; take the `next` of the list before"))?;
    Ok(PageQuery { limit, after })
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// The `cursor` of what follows; null where nothing does.
    pub(super) next: Option<String>,
}

impl<T> List<T> {
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    pub(super) fn of<R>(page: Page<R>, show: impl Fn(R) -> T) -> Self {
        Self { items: page.items.into_iter().map(show).collect(), next: page.next.map(|id| id.to_string()) }
    }
}
