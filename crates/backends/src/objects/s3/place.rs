//! Where a bucket is: the address of each of its objects.

use reelmill_core::Key;

use crate::OpenError;
use crate::objects::remote::Options;
use crate::objects::uri;

/// A bucket behind an endpoint, and what our objects' names begin with.
#[derive(Debug)]
pub(super) struct Place {
    bucket: String,
    prefix: String,
    region: String,
    /// The bucket's own address, without the slash at its end.
    address: String,
    takes_checksums: bool,
}

/// What is not in the URL.
#[derive(Debug, Default)]
pub(super) struct Platform {
    endpoint: Option<String>,
    region: Option<String>,
}

impl Place {
    /// From a URL's options, and what the platform adds to them.
    pub(super) fn from_options(options: &mut Options, platform: Platform) -> Result<Self, OpenError> {
        let endpoint = match options.take("endpoint").or(platform.endpoint) {
            Some(endpoint) => Some(options.address("endpoint", &endpoint)?),
            None => None,
        };
        // Other stores take whatever they are told, and most are told this.
        let usual = endpoint.as_ref().map(|_| "us-east-1".to_owned());
        let region = options.take("region").or(platform.region).or(usual);
        let region =
            region.ok_or_else(|| options.bad("its region is not known: add ?region=…, or set AWS_REGION"))?;
        let is_name =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name(&region) || !is_name(&options.bucket) {
            return Err(options.bad("bucket and region are letters, digits, `-`, `_` and `.`"));
        }
        let style = options.take("style");
        // A certificate for `*.s3.…` does not cover a name with dots.
        let by_path = match style.as_deref() {
            Some("path") => true,
            Some("virtual") => false,
            None => endpoint.is_some() || options.bucket.contains('.'),
            Some(_) => return Err(options.bad("`style` is `path` or `virtual`")),
        };
        let takes_checksums = match options.take("checksums").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err(options.bad("`checksums` is `on` or `off`")),
        };
        let endpoint = endpoint.unwrap_or_else(|| amazons_endpoint(&region));
        let (bucket, prefix) = (options.bucket.clone(), options.prefix.clone());
        let address = if by_path {
            format!("{endpoint}/{bucket}")
        } else {
            endpoint.replacen("://", &format!("://{bucket}."), 1)
        };
        Ok(Self { bucket, prefix, region, address, takes_checksums })
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Whether the store is told the checksum of what is sent to it.
    pub(super) fn takes_checksums(&self) -> bool {
        self.takes_checksums
    }

    /// The object's name in the bucket.
    pub(super) fn name(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The address of an object, or of the bucket.
    pub(super) fn address(&self, key: Option<&Key>) -> String {
        let name = key.map(|key| uri::encode(self.name(key).as_bytes()));
        format!("{}/{}", self.address, name.unwrap_or_default())
    }
}

fn amazons_endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://s3.{region}.amazonaws.com{suffix}")
}

impl Platform {
    /// The environment's endpoint, and the region that Amazon's chain found.
    pub(super) fn new(region: Option<String>) -> Self {
        let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter();
        let endpoint = named.filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty());
        Self { endpoint, region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str, platform: Platform) -> Result<String, OpenError> {
        let mut options = Options::parse("s3", url)?;
        let place = Place::from_options(&mut options, platform)?;
        Ok(place.address(Some(&"a b".parse().unwrap())))
    }

    #[test]
    fn an_object_has_an_address_in_either_style() {
        let cases = [
            ("//b/p?region=eu-central-1&endpoint=http://127.0.0.1:9000/", "http://127.0.0.1:9000/b/p/a%20b"),
            ("//b?endpoint=https://minio.example:9/s3", "https://minio.example:9/s3/b/a%20b"),
            ("//b?endpoint=https://minio.example:9&style=virtual", "https://b.minio.example:9/a%20b"),
        ];
        for (url, expected) in cases {
            assert_eq!(address(url, Platform::default()).unwrap(), expected);
        }
    }

    #[test]
    fn amazons_own_address_has_the_bucket_and_the_region_in_its_name() {
        let platform = || Platform { endpoint: None, region: Some("eu-west-1".to_owned()) };
        let address = |url| address(url, platform()).unwrap();
        assert_eq!(address("//b"), "https://b.s3.eu-west-1.amazonaws.com/a%20b");
        assert_eq!(address("//b/p?region=cn-north-1"), "https://b.s3.cn-north-1.amazonaws.com.cn/p/a%20b");
        assert_eq!(address("//b.c"), "https://s3.eu-west-1.amazonaws.com/b.c/a%20b");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [
            "//b",
            "//b?endpoint=ftp://x",
            "//b?endpoint=http://k:s@x",
            "//b?region=a/b",
            "//b?region=x&style=dns",
        ] {
            assert!(address(bad, Platform::default()).is_err(), "{bad}");
        }
    }
}
