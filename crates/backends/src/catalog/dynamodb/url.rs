//! What a `dynamodb:` URL says.

use url::Url;

use crate::opening::OpenError;

/// The tables where a URL names none.
const SONGS: &str = "reelmill-songs";
const OPERATIONS: &str = "reelmill-operations";

/// Where the catalog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The region; `None` where AWS's own settings say it.
    pub(super) region: Option<String>,
    pub(super) songs: String,
    pub(super) operations: String,
    pub(super) endpoint: Option<String>,
    /// What the URI of every object begins with, without a slash at its end.
    pub(super) objects: Option<String>,
}

/// Reads what follows the colon, as `//eu-west-1?songs=A&operations=B`.
pub(super) fn read(rest: &str) -> Result<Named, OpenError> {
    let bad = |reason: String| OpenError::BadUrl { scheme: "dynamodb", reason };
    let url = Url::parse(&format!("dynamodb:{rest}")).map_err(|error| bad(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it takes no keys: they are settings of their own".to_owned()));
    }
    if !matches!(url.path(), "" | "/") || url.port().is_some() {
        return Err(bad("it is dynamodb://REGION?songs=TABLE&operations=TABLE".to_owned()));
    }
    let region = url.host_str().filter(|region| !region.is_empty()).map(str::to_owned);
    let mut named = Named {
        region,
        songs: SONGS.to_owned(),
        operations: OPERATIONS.to_owned(),
        endpoint: None,
        objects: None,
    };
    for (name, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*name {
            _ if value.is_empty() => return Err(bad(format!("`{name}` is empty"))),
            "songs" => named.songs = value,
            "operations" => named.operations = value,
            "endpoint" => {
                let is_web = Url::parse(&value).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
                if !is_web {
                    return Err(bad("`endpoint` is not an http or https address".to_owned()));
                }
                named.endpoint = Some(value);
            }
            // The store's own URL is taken as it is: its settings are not a part of an object's name.
            "objects" => {
                let base = value.split(['?', '#']).next().unwrap_or_default();
                named.objects = Some(base.trim_end_matches('/').to_owned());
            }
            _ => {
                return Err(bad(format!(
                    "`{name}` is not known; there are songs, operations, endpoint, objects"
                )));
            }
        }
    }
    if named.songs == named.operations {
        return Err(bad("songs and operations are two tables".to_owned()));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_url_names_region_tables_endpoint_and_objects() {
        let named = read(
            "//eu-west-1?songs=s&operations=o&endpoint=http://127.0.0.1:8000&objects=s3://b/p/?region=x",
        );
        let named = named.unwrap();
        assert_eq!(named.region.as_deref(), Some("eu-west-1"));
        assert_eq!((&*named.songs, &*named.operations), ("s", "o"));
        assert_eq!(named.endpoint.as_deref(), Some("http://127.0.0.1:8000"));
        assert_eq!(named.objects.as_deref(), Some("s3://b/p"));
    }

    #[test]
    fn what_is_not_said_is_left_to_aws_or_has_its_usual_name() {
        for rest in ["", "//", "//?"] {
            let named = read(rest).unwrap();
            assert_eq!((named.region, named.endpoint, named.objects), (None, None, None), "{rest}");
            assert_eq!((&*named.songs, &*named.operations), (SONGS, OPERATIONS));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_no_secret_repeated() {
        for rest in [
            "//key:secret@eu-west-1",
            "//eu-west-1/table",
            "//eu-west-1:8000",
            "//eu-west-1?table=a",
            "//eu-west-1?songs=",
            "//eu-west-1?songs=a&operations=a",
            "//eu-west-1?endpoint=ftp://secret",
        ] {
            let refused = read(rest).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
