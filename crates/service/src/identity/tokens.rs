//! Tokens: JWT, HS256 and nothing else.
//!
//! One algorithm and one key leave nothing to choose, so this is RFC 7515's compact form over `hmac` itself: the
//! general libraries bring RSA and three curves for algorithms that must be refused here anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use reelmill_core::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a header may be at most, in bytes of text.
const MAX_BYTES: usize = 4096;

/// What a token says. Doors differ in the optional claims; a token of one door is good at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account's id: the identity.
    pub uid: String,
    /// The account's address.
    pub sub: String,
    /// The account's epoch when the token was made.
    pub epoch: u64,
    /// The token's own id.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// Before this it is not good, in seconds since 1970: the tasks' door says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// What sort of token the tasks' door calls it.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// The converter's door calls the account so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The converter's door asks this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// Signs and verifies.
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(crate) fn new(secret: &SecretString) -> Self {
        let keyed = Hmac::new_from_slice(secret.expose_secret().as_bytes());
        Self(keyed.expect("HMAC takes a key of any length"))
    }

    /// The token in its compact form.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let header = BASE64URL.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = BASE64URL.encode(serde_json::to_vec(claims).unwrap_or_default());
        let signed = format!("{header}.{claims}");
        let mut mac = self.0.clone();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL.encode(mac.finalize().into_bytes()))
    }

    /// The claims of a token that this key signed and that has not ended at `now`.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let mut mac = self.0.clone();
        mac.update(signed.as_bytes());
        mac.verify_slice(&BASE64URL.decode(signature).ok()?).ok()?;

        let header: Header = serde_json::from_slice(&BASE64URL.decode(header).ok()?).ok()?;
        if header.alg != "HS256" || header.crit.is_some() {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&BASE64URL.decode(claims).ok()?).ok()?;
        (now.as_seconds() < claims.exp).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(secret: &str) -> Signer {
        Signer::new(&SecretString::from(secret))
    }

    fn claims() -> Claims {
        Claims {
            uid: "u".into(),
            sub: "a@b.example".into(),
            epoch: 1,
            jti: "j".into(),
            iat: 100,
            exp: 200,
            nbf: None,
            sort: None,
            username: None,
            admin: None,
        }
    }

    const BEFORE: Timestamp = Timestamp::from_ms(199_999);

    #[test]
    fn what_was_signed_is_read_back_until_it_ends() {
        let token = signer("k").sign(&claims());
        assert_eq!(signer("k").verify(&token, BEFORE), Some(claims()));
        assert_eq!(signer("k").verify(&token, Timestamp::from_ms(200_000)), None);
    }

    #[test]
    fn another_key_or_a_changed_byte_is_refused() {
        let token = signer("k").sign(&claims());
        assert_eq!(signer("other").verify(&token, BEFORE), None);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != token {
                assert_eq!(signer("k").verify(&changed, BEFORE), None, "byte {at}");
            }
        }
    }

    #[test]
    fn no_other_algorithm_is_taken_even_well_signed() {
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS384"}"#, r#"{"alg":"HS256","crit":["b64"]}"#, "{}"] {
            let body = BASE64URL.encode(serde_json::to_vec(&claims()).unwrap());
            let signed = format!("{}.{body}", BASE64URL.encode(header));
            let mut mac = signer("k").0;
            mac.update(signed.as_bytes());
            let token = format!("{signed}.{}", BASE64URL.encode(mac.finalize().into_bytes()));
            assert_eq!(signer("k").verify(&token, BEFORE), None, "{header}");
            assert_eq!(signer("k").verify(&format!("{signed}."), BEFORE), None, "{header} unsigned");
        }
    }

    #[test]
    fn an_example_of_rfc_7515_is_signed_as_it_says() {
        // RFC 7515, appendix A.1: its key is binary, so the mac is made here.
        let key = BASE64URL
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(signed.as_bytes());
        assert_eq!(
            BASE64URL.encode(mac.finalize().into_bytes()),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }
}
