//! Signatures, version 4: in headers for ourselves, in an address for whoever is given it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use crate::objects::remote::{Fault, hexadecimal};
use crate::objects::uri;

/// Whose signature, for where and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) keys: &'a Credentials,
    pub(super) region: &'a str,
    pub(super) now: SystemTime,
}

impl Signer<'_> {
    /// The headers that a request with these has to have beside them.
    pub(super) fn headers(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, String)],
        body: &Sha256,
    ) -> Result<Vec<(String, String)>, Fault> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Precomputed(body.hexadecimal());
        let request = SignableRequest::new(method, address, headers, body).map_err(unsigned)?;
        let signed = self.sign(request, settings(None))?;
        Ok(signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// An address to read from, good for `lifetime`; its query is as it was given, and signed.
    pub(super) fn address(&self, address: &str, lifetime: Duration) -> Result<String, Fault> {
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new("GET", address, std::iter::empty(), body).map_err(unsigned)?;
        let signed = self.sign(request, settings(Some(lifetime)))?;
        let added = signed.params().iter().map(|(name, value)| (*name, value.as_ref()));
        Ok(format!("{address}&{}", query(added)))
    }

    fn sign(
        &self,
        request: SignableRequest<'_>,
        settings: SigningSettings,
    ) -> Result<aws_sigv4::http_request::SigningInstructions, Fault> {
        let identity = self.keys.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("s3")
            .time(self.now)
            .settings(settings)
            .build()
            .map_err(unsigned)?;
        Ok(sign(request, &params.into()).map_err(unsigned)?.into_parts().0)
    }
}

/// S3 signs paths as they are sent.
fn settings(lifetime: Option<Duration>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if lifetime.is_some() {
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = lifetime;
    }
    settings
}

/// Names and values as a query, without its question mark.
pub(super) fn query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    uri::encode(text.as_bytes()).replace('/', "%2F")
}

/// SHA-256 of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sha256(digest::Digest);

impl Sha256 {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(digest::digest(&digest::SHA256, bytes))
    }

    /// As it is signed.
    pub(super) fn hexadecimal(&self) -> String {
        hexadecimal(self.0.as_ref())
    }

    /// As a checksum is told.
    pub(super) fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

fn unsigned(error: impl std::fmt::Display) -> Fault {
    Fault::unusable(format!("the request cannot be signed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the examples in "Authenticating Requests (AWS Signature Version 4)" of S3's reference.
    fn example() -> Credentials {
        Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        )
    }

    fn signer(keys: &Credentials) -> Signer<'_> {
        // 2013-05-24T00:00:00Z
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 15_849);
        Signer { keys, region: "us-east-1", now }
    }

    fn signature(headers: &[(String, String)]) -> Option<&str> {
        let (_, value) = headers.iter().find(|(name, _)| name == "authorization")?;
        value.split_once("Signature=").map(|(_, signature)| signature)
    }

    #[test]
    fn headers_are_signed_as_in_amazons_examples() {
        let keys = example();
        let get = signer(&keys).headers(
            "GET",
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &[("range", "bytes=0-9".to_owned())],
            &Sha256::of(b""),
        );
        let expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert_eq!(signature(&get.unwrap()), Some(expected));
        let put = signer(&keys).headers(
            "PUT",
            "https://examplebucket.s3.amazonaws.com/test%24file.text",
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
            ],
            &Sha256::of(b"Welcome to Amazon S3."),
        );
        let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert_eq!(signature(&put.unwrap()), Some(expected));
        let list = signer(&keys).headers(
            "GET",
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            &[],
            &Sha256::of(b""),
        );
        let expected = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert_eq!(signature(&list.unwrap()), Some(expected));
    }

    #[test]
    fn an_address_is_signed_as_in_amazons_example() {
        let keys = example();
        // The example has no query of its own, so its parameters are put together here as `address` does.
        let request = SignableRequest::new(
            "GET",
            "https://examplebucket.s3.amazonaws.com/test.txt",
            std::iter::empty(),
            SignableBody::UnsignedPayload,
        );
        let signed = signer(&keys).sign(request.unwrap(), settings(Some(Duration::from_hours(24)))).unwrap();
        let signature = signed.params().iter().find(|(name, _)| *name == "X-Amz-Signature");
        let expected = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert_eq!(signature.map(|(_, value)| &**value), Some(expected));
    }
}
