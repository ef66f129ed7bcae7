//! Where a bucket is, and what its objects are called in an address.

use std::net::IpAddr;

use reelmill_core::Key;
use url::{Host, Url};

use crate::OpenError;
use crate::objects::remote::Options;
use crate::objects::uri;

/// Google's own.
const GOOGLE: &str = "https://storage.googleapis.com";

/// A bucket behind an endpoint, and what our objects' names begin with.
#[derive(Debug)]
pub(super) struct Place {
    bucket: String,
    prefix: String,
    /// Without the slash at its end.
    endpoint: String,
}

impl Place {
    /// From a URL's options; `emulator` is where an emulator is, as host and port or as an address.
    pub(super) fn from_options(options: &mut Options, emulator: Option<String>) -> Result<Self, OpenError> {
        let emulator = emulator
            .filter(|host| !host.is_empty())
            .map(|host| if host.contains("://") { host } else { format!("http://{host}") });
        let endpoint = match options.take("endpoint").or(emulator) {
            Some(endpoint) => options.address("endpoint", &endpoint)?,
            None => GOOGLE.to_owned(),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !options.bucket.bytes().all(is_name) {
            return Err(options.bad("a bucket's name is letters, digits, `-`, `_` and `.`"));
        }
        Ok(Self { bucket: options.bucket.clone(), prefix: options.prefix.clone(), endpoint })
    }

    /// Whether it is on this machine and speaks plain HTTP: then it wants no credentials, and gets none.
    pub(super) fn is_emulator(&self) -> bool {
        let Ok(url) = Url::parse(&self.endpoint) else { return false };
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            None => false,
        };
        url.scheme() == "http" && is_here
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The object's name in the bucket.
    pub(super) fn name(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The address of what is known about an object.
    pub(super) fn object(&self, name: &str) -> String {
        format!("{}/{}", self.objects(), encode(name))
    }

    /// The address of the list of objects.
    pub(super) fn objects(&self) -> String {
        format!("{}/storage/v1/b/{}/o", self.endpoint, self.bucket)
    }

    /// The address that objects are uploaded to.
    pub(super) fn uploads(&self) -> String {
        format!("{}/upload/storage/v1/b/{}/o", self.endpoint, self.bucket)
    }
}

/// A text as one segment of a path, or as a value of a query.
pub(super) fn encode(text: &str) -> String {
    uri::encode(text.as_bytes()).replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str, emulator: Option<&str>) -> Option<Place> {
        Place::from_options(&mut Options::parse("gs", url).ok()?, emulator.map(str::to_owned)).ok()
    }

    #[test]
    fn the_endpoint_is_the_urls_then_the_emulators_then_googles() {
        let endpoint = |url, emulator| place(url, emulator).map(|place| place.endpoint);
        let of_url = "//b?endpoint=http://127.0.0.1:1/";
        assert_eq!(endpoint(of_url, Some("h:2")).as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(endpoint("//b", Some("h:2")).as_deref(), Some("http://h:2"));
        assert_eq!(endpoint("//b", Some("https://h")).as_deref(), Some("https://h"));
        assert_eq!(endpoint("//b", Some("")).as_deref(), Some(GOOGLE));
        assert_eq!(endpoint("//b?endpoint=ftp://h", None), None);
    }

    #[test]
    fn only_a_store_on_this_machine_is_spoken_to_without_credentials() {
        let is_emulator = |emulator| place("//b", Some(emulator)).is_some_and(|place| place.is_emulator());
        for here in ["127.0.0.1:4443", "localhost:4443", "[::1]:4443"] {
            assert!(is_emulator(here), "{here}");
        }
        for elsewhere in ["", "10.0.0.1:80", "https://127.0.0.1:4443", "localhost.example:80"] {
            assert!(!is_emulator(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_name_is_one_segment() {
        let place = place("//b/p", None).unwrap();
        let name = place.name(&"a/b c".parse().unwrap());
        assert_eq!(place.object(&name), format!("{GOOGLE}/storage/v1/b/b/o/p%2Fa%2Fb%20c"));
    }
}
