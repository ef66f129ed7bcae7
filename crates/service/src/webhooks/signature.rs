//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, one for each secret that signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use reelmill_core::{Delivery, Timestamp, Webhook};
use sha2::Sha256;

/// What a secret begins with, so that people and scanners know one when they see it.
pub(super) const PREFIX: &str = "whsec_";

/// The headers that go with a delivery that is sent now.
pub(super) fn headers(webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> [(&'static str, String); 3] {
    let (id, seconds) = (delivery.id.to_string(), now.as_seconds().to_string());
    let signed = format!("{id}.{seconds}.{}", delivery.body);
    let signatures: Vec<_> = webhook.signing(now).map(|secret| sign(secret.expose(), &signed)).collect();
    [("webhook-id", id), ("webhook-timestamp", seconds), ("webhook-signature", signatures.join(" "))]
}

fn sign(secret: &str, text: &str) -> String {
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    // One that is no Base64 is a key as it stands.
    let key = BASE64.decode(encoded).unwrap_or_else(|_| encoded.as_bytes().to_vec());
    let mut keyed = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    keyed.update(text.as_bytes());
    format!("v1,{}", BASE64.encode(keyed.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn a_signature_is_that_of_the_specifications_example() {
        // Standard Webhooks, specification, "Verifying signatures": the reference libraries' own test vector.
        let text = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signed = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", text);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
