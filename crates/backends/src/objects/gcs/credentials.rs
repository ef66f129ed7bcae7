//! Who we are to Google: nobody, or whom a file or the platform says.

use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials as Google, external_account, impersonated, service_account,
    user_account,
};
use google_cloud_auth::signer::Signer;
use hyper::http::Extensions;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::objects::remote::Fault;

/// What may be done with a bucket's objects, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Names the file in every library of Google's.
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Who asks, and who signs.
#[derive(Debug)]
pub(super) struct Credentials {
    google: Option<Google>,
    author: Option<Author>,
}

/// A service account whose key is here.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) email: String,
    pub(super) signer: Signer,
}

impl Credentials {
    /// Those of `file`, else of the file that the environment names, else nobody's for an emulator, else the platform's.
    ///
    /// # Errors
    /// What is wrong with them, without what is in them.
    pub(super) async fn find(file: Option<String>, is_emulator: bool) -> Result<Self, String> {
        let environment = || std::env::var(FILE).ok().filter(|file| !file.is_empty() && !is_emulator);
        // The library's own connections want to be told which TLS there is; where somebody did, that stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Some(file) = file.or_else(environment) else {
            if is_emulator {
                return Ok(Self { google: None, author: None });
            }
            let google = Builder::default().with_scopes([SCOPE]).build();
            let google = google.map_err(|error| format!("there are no credentials of Google, {error}"))?;
            return Ok(Self { google: Some(google), author: None });
        };
        let unread =
            |error: &dyn std::fmt::Display| format!("credentials cannot be read from `{file}`, {error}");
        let length = tokio::fs::metadata(&file).await.map_err(|error| unread(&error))?.len();
        if length > MAX_FILE_BYTES {
            return Err(unread(&format_args!("it has {length} bytes")));
        }
        let text = tokio::fs::read(&file).await.map_err(|error| unread(&error))?;
        // An error of the parser's may quote what is in the file.
        let json = serde_json::from_slice(&text).map_err(|_| unread(&"it is not JSON"))?;
        Self::from_json(json).map_err(|reason| unread(&reason))
    }

    fn from_json(json: Value) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let built = match json["type"].as_str() {
            Some("service_account") => {
                let email = json["client_email"].as_str().unwrap_or_default().to_owned();
                let signer = service_account::Builder::new(json.clone()).build_signer();
                let signer = signer.map_err(|error| said(&error))?;
                let scopes = service_account::AccessSpecifier::from_scopes([SCOPE]);
                let google = service_account::Builder::new(json).with_access_specifier(scopes).build();
                let google = google.map_err(|error| said(&error))?;
                return Ok(Self { google: Some(google), author: Some(Author { email, signer }) });
            }
            Some("authorized_user") => user_account::Builder::new(json).with_scopes([SCOPE]).build(),
            Some("external_account") => external_account::Builder::new(json).with_scopes([SCOPE]).build(),
            Some("impersonated_service_account") => {
                impersonated::Builder::new(json).with_scopes([SCOPE]).build()
            }
            _ => return Err("its `type` is none that is known".to_owned()),
        };
        Ok(Self { google: Some(built.map_err(|error| said(&error))?), author: None })
    }

    /// The headers of a request.
    pub(super) async fn headers(&self) -> Result<HeaderMap, Fault> {
        let Some(google) = &self.google else { return Ok(HeaderMap::new()) };
        match google.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) if error.is_transient() => {
                Err(Fault::passing(format!("Google gives no token: {error}")))
            }
            Err(error) => Err(Fault::unusable(format!(
                "Google gives no token: set {FILE}, or give this machine an account ({error})"
            ))),
        }
    }

    /// Who signs, where somebody can.
    pub(super) fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_emulator_is_asked_by_nobody() {
        let nobody = Credentials::find(None, true).await.unwrap();
        assert!(nobody.author().is_none() && nobody.headers().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_is_no_credentials_is_refused_without_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.json");
        let name = || Some(file.to_string_lossy().into_owned());
        assert!(Credentials::find(name(), true).await.is_err_and(|said| said.contains("key.json")));
        for text in [
            "{\"secret",
            "{\"type\":\"secret\"}",
            "{\"type\":\"service_account\",\"private_key\":\"secret\"}",
        ] {
            std::fs::write(&file, text).unwrap();
            let said = Credentials::find(name(), true).await.unwrap_err();
            assert!(said.contains("key.json") && !said.contains("secret"), "{said}");
        }
    }
}
