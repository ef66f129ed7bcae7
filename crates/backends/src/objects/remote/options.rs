//! What stands behind a store's scheme: `//BUCKET/PREFIX?name=value&…`.
//!
//! A URL may hold a secret, so what is wrong with it is said without it.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reelmill_core::Key;
use url::Url;

use super::Patience;
use crate::OpenError;

/// The longest prefix of a deployment, in bytes: with the longest key and a few bytes of our own it makes the longest
/// name that S3 and Cloud Storage take.
const MAX_PREFIX_BYTES: usize = 192;

/// A URL's bucket, prefix and options, the last to be taken out one by one.
#[derive(Debug)]
pub(crate) struct Options {
    scheme: &'static str,
    /// The bucket's name.
    pub(crate) bucket: String,
    /// What every object's name begins with: empty, or with a slash at its end.
    pub(crate) prefix: String,
    named: BTreeMap<String, String>,
}

impl Options {
    /// Reads what follows the scheme's colon.
    ///
    /// # Errors
    /// Where there is no bucket, or the prefix could not be part of a key.
    pub(crate) fn parse(scheme: &'static str, rest: &str) -> Result<Self, OpenError> {
        let bad = |reason: String| OpenError::BadUrl { scheme, reason };
        let url = Url::parse(&format!("{scheme}:{rest}")).map_err(|error| bad(error.to_string()))?;
        let bucket = url.host_str().unwrap_or_default().to_owned();
        if bucket.is_empty() {
            return Err(bad(format!("it names no bucket: {scheme}://BUCKET/PREFIX")));
        }
        if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            return Err(bad("keys and endpoint are options behind the `?`".to_owned()));
        }
        let prefix = prefix(url.path()).map_err(bad)?;
        let mut named = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if named.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(bad(format!("`{}` stands there twice", shown(&name))));
            }
        }
        Ok(Self { scheme, bucket, prefix, named })
    }

    /// The option's value, where it is given and not empty.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.named.remove(name).filter(|value| !value.is_empty())
    }

    /// The option's value, which stays there to be taken.
    #[cfg(feature = "objects-s3")]
    pub(crate) fn peek(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `timeout_s` and `patience_s`.
    pub(crate) fn patience(&mut self) -> Result<Patience, OpenError> {
        let usual = Patience::default();
        let idle = self.seconds("timeout_s")?.unwrap_or(usual.idle);
        let total = self.seconds("patience_s")?.unwrap_or(usual.total);
        Ok(Patience { connect: usual.connect.min(idle), idle, total })
    }

    fn seconds(&mut self, name: &str) -> Result<Option<Duration>, OpenError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let seconds = text.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
        let seconds = seconds.ok_or_else(|| self.bad(format!("`{name}` is 1 to 3600 seconds")))?;
        Ok(Some(Duration::from_secs(seconds)))
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(&self) -> Result<(), OpenError> {
        match self.named.keys().next() {
            Some(unknown) => Err(self.bad(format!("it has no option `{}`", shown(unknown)))),
            None => Ok(()),
        }
    }

    /// An error about this URL.
    pub(crate) fn bad(&self, reason: impl Into<String>) -> OpenError {
        OpenError::BadUrl { scheme: self.scheme, reason: reason.into() }
    }

    /// An address of HTTP without a query, and without the slash at its end.
    pub(crate) fn address(&self, name: &str, text: &str) -> Result<String, OpenError> {
        let sound = Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        });
        if sound {
            Ok(text.trim_end_matches('/').to_owned())
        } else {
            Err(self.bad(format!("`{name}` is an address like http://127.0.0.1:9000")))
        }
    }
}

/// A prefix of keys from a URL's path.
fn prefix(path: &str) -> Result<String, String> {
    let text = percent_decode_str(path.trim_matches('/')).decode_utf8();
    let text = text.map_err(|_| "its path is not UTF-8".to_owned())?;
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.len() > MAX_PREFIX_BYTES || text.parse::<Key>().is_err() {
        return Err(format!("its path is not a prefix of at most {MAX_PREFIX_BYTES} bytes"));
    }
    Ok(format!("{text}/"))
}

/// As much of a name as an error may repeat.
fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_prefix_and_options_are_told_apart() {
        let mut options = Options::parse("s3", "//My_bucket.x/a%20b/c/?region=eu-1&style=path").ok().unwrap();
        assert_eq!((options.bucket.as_str(), options.prefix.as_str()), ("My_bucket.x", "a b/c/"));
        assert_eq!(options.take("region").as_deref(), Some("eu-1"));
        assert!(options.finish().is_err_and(|error| error.to_string().contains("`style`")));
        assert_eq!(options.take("style").as_deref(), Some("path"));
        assert!(options.finish().is_ok());
    }

    #[test]
    fn what_is_no_place_in_a_bucket_is_refused() {
        for bad in ["", "//", "bucket", "///a", "//b/a//c", "//b/%2e%2e/x%00", "//key:secret@b/", "//b:9/x"] {
            let refused = Options::parse("s3", bad);
            let refused = refused.err().map(|error| error.to_string());
            assert!(refused.as_ref().is_some_and(|said| !said.contains("secret")), "{bad}: {refused:?}");
        }
        assert!(Options::parse("s3", &format!("//b/{}", "x".repeat(193))).is_err());
        assert!(Options::parse("s3", "//b?a=1&a=2").is_err());
    }

    #[test]
    fn patience_is_in_seconds() {
        let patience = |query: &str| Options::parse("s3", &format!("//b?{query}")).ok()?.patience().ok();
        let wanted = patience("timeout_s=2&patience_s=9").unwrap();
        assert_eq!((wanted.connect.as_secs(), wanted.idle.as_secs(), wanted.total.as_secs()), (2, 2, 9));
        assert_eq!(patience(""), Some(Patience::default()));
        assert_eq!(patience("timeout_s=0"), None);
        assert_eq!(patience("patience_s=1h"), None);
    }
}
