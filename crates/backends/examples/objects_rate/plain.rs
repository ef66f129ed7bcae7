//! The plain client: one request an object.

use std::collections::HashMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use reqwest::{Client, Request, Response};
use url::Url;

use super::Failure;

/// A bucket, spoken to without any library of a store.
pub(super) struct Plain {
    client: Client,
    bucket: String,
    endpoint: String,
    /// Of S3; Cloud Storage's emulator wants none.
    keys: Option<Credentials>,
}

impl Plain {
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        let url = Url::parse(url)?;
        let options: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let option =
            |name: &str| options.get(name).cloned().ok_or_else(|| format!("the URL has no `{name}`"));
        let keys = match url.scheme() {
            "s3" => {
                let (access, secret) = (option("access_key")?, option("secret_key")?);
                Some(Credentials::new(access, secret, None, None, "URL"))
            }
            _ => None,
        };
        // Its address may be one without TLS, but a client is not made without one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bucket = url.host_str().ok_or("the URL names no bucket")?.to_owned();
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            bucket,
            endpoint: option("endpoint")?,
            keys,
        })
    }

    pub(super) async fn put(&self, name: &str, content: &Bytes) -> Result<(), Failure> {
        let request = if self.keys.is_some() {
            self.client.put(self.object(name))
        } else {
            let (endpoint, bucket) = (&self.endpoint, &self.bucket);
            self.client
                .post(format!("{endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"))
        };
        self.send(request.body(content.clone()).build()?).await.map(drop)
    }

    pub(super) async fn read(&self, name: &str, length: usize) -> Result<(), Failure> {
        let mut response = self.send(self.client.get(self.object(name)).build()?).await?;
        let mut read = 0;
        while let Some(bytes) = response.chunk().await? {
            read += bytes.len();
        }
        if read == length { Ok(()) } else { Err("other bytes came back".into()) }
    }

    fn object(&self, name: &str) -> String {
        let (endpoint, bucket) = (&self.endpoint, &self.bucket);
        match &self.keys {
            Some(_) => format!("{endpoint}/{bucket}/{name}"),
            None => format!("{endpoint}/storage/v1/b/{bucket}/o/{name}?alt=media"),
        }
    }

    async fn send(&self, mut request: Request) -> Result<Response, Failure> {
        if let Some(keys) = &self.keys {
            let mut settings = SigningSettings::default();
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            let identity = keys.clone().into();
            let params = SigningParams::builder()
                .identity(&identity)
                .region("us-east-1")
                .name("s3")
                .time(SystemTime::now())
                .settings(settings)
                .build()?;
            let body = SignableBody::UnsignedPayload;
            let (method, address) = (request.method().to_string(), request.url().to_string());
            let signable = SignableRequest::new(&method, &address, std::iter::empty(), body)?;
            let (signed, _) = sign(signable, &params.into())?.into_parts();
            for (name, value) in signed.headers() {
                let name: reqwest::header::HeaderName = name.parse()?;
                request.headers_mut().insert(name, value.parse()?);
            }
        }
        Ok(self.client.execute(request).await?.error_for_status()?)
    }
}
