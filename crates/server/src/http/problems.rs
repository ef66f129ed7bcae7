//! Every problem by name, with what it means and what to do: the pages that a problem's `type` leads to.
//!
//! The names are those that the service and this crate give; a test reads their sources and finds each in the table.

use axum::extract::Path;
use axum::http::StatusCode;

use super::Problem;

/// A row: name, title, explanation.
type Row = (&'static str, &'static str, &'static str);

const TABLE: &[Row] = &[
    (
        "account-exists",
        "Account exists",
        "Another account has this address or name. Take another, or sign in to that account.",
    ),
    (
        "bad-setting",
        "Setting not possible",
        "A setting of the conversion contradicts another one, or the format cannot have it. The detail names it; GET /v1/profiles?media_id= shows what each profile would do.",
    ),
    (
        "bad-webhook-address",
        "Address not possible",
        "Webhooks go to http and https addresses on the public internet, without user and password. The operator can allow others (REELMILL_WEBHOOKS_ALLOW_HOSTS).",
    ),
    (
        "busy",
        "Too much at once",
        "More requests of this sort came than are worked on at once. Wait as long as the header Retry-After says and send it again.",
    ),
    (
        "checksum-mismatch",
        "Checksum mismatch",
        "The bytes do not hash to what Upload-Checksum says, so they were damaged on their way. None of them was kept; send them again from the same offset.",
    ),
    (
        "conflict",
        "Changed meanwhile",
        "Somebody changed the same thing at the same moment. Look at what is there now and try again.",
    ),
    ("corrupt", "Damaged file", "The file is media, but damaged or cut. Send it again from its source."),
    (
        "cut-off",
        "Upload cut off",
        "The connection ended before the body did. Nothing was kept; send it again. An upload at /v1/uploads keeps what came: go on at the offset that HEAD tells.",
    ),
    ("deadline", "Too long", "The conversion did not end within its deadline."),
    (
        "email-taken",
        "Address taken",
        "Another account has this address. Sign in to that account, or take another address.",
    ),
    ("empty", "Empty file", "The file has no bytes. Send one with sound in it."),
    (
        "forbidden",
        "Not allowed",
        "The account is signed in, but its role or the thing's owner does not allow this.",
    ),
    (
        "foreign-origin",
        "Foreign origin",
        "A page of another site sent this request in a browser. Changes are taken only from pages that this server served, or from programs that send no Origin.",
    ),
    (
        "idempotency-key-reused",
        "Idempotency-Key reused",
        "The same Idempotency-Key came with another body within 24 hours. Use a fresh key for a new wish.",
    ),
    (
        "internal",
        "Fault of ours",
        "Something went wrong on our side. The operator's log has the cause under the request id of the header X-Request-Id.",
    ),
    ("invalid-email", "No e-mail address", "The address has not the form of one. Correct it."),
    (
        "invalid-request",
        "Wrong request",
        "The request is wrong in itself and will stay so; the detail names the field, parameter or header.",
    ),
    ("limit", "Limit passed", "The input passes a limit that protects the server; the detail names it."),
    (
        "method-not-allowed",
        "Method not allowed",
        "There is something at this address, but it does not take this method. The header Allow lists those that it takes.",
    ),
    (
        "misdirected",
        "Unknown host",
        "The server listens on loopback, and the request came under another name, as it does when a web page has its own name point here. Use localhost, or have the operator add the name to the setting hosts (REELMILL_HOSTS).",
    ),
    ("name-taken", "Name taken", "Another account has this name. Take another."),
    ("no-name", "No file name", "The file came without a name that can be kept. Send it with one."),
    ("no-result", "No result", "The conversion has not ended, or it failed; the detail says which."),
    (
        "not-a-picture",
        "Not a picture",
        "The bytes are no JPEG, PNG, GIF or WebP picture, or a damaged one. Send another picture.",
    ),
    ("not-delivered", "Not delivered", "A notification could not be handed over."),
    ("not-found", "Not found", "There is none of that name or id, or none that this account may see."),
    (
        "not-media",
        "Not media",
        "The bytes are no media file that is known here, whatever their name says. GET /v1/formats lists what is read.",
    ),
    (
        "not-ready",
        "Not ready",
        "The conversion that was waited for has not ended. Use POST /v1/media and POST /v1/jobs, which do not wait.",
    ),
    (
        "not-signed-in",
        "Not signed in",
        "The request carries no credential, or one that is wrong, has ended or was taken back. Sign in with POST /v1/session, or send an API key, as Authorization: Bearer.",
    ),
    (
        "nothing-found",
        "Nothing found",
        "The source knows nothing by this title or address, or it was removed there. Try other words, or give the address.",
    ),
    ("one-file", "One file", "The multipart body must have exactly one part with a file name."),
    ("passwords-differ", "Passwords differ", "The two passwords are not the same. Type them again."),
    (
        "picture-exists",
        "Picture exists",
        "Another picture was sent under this name before. Save the video's details again, and send the picture under the name that they answer with.",
    ),
    (
        "precondition-failed",
        "Precondition failed",
        "The thing is not what the header If-Match or If-Unmodified-Since asks for.",
    ),
    (
        "sign-up-off",
        "No sign-up here",
        "The operator does not let people make accounts themselves. Ask an administrator for one.",
    ),
    ("source", "Source failed", "Where the media should have come from did not give it."),
    (
        "source-failed",
        "Source failed",
        "The source refuses this installation: its quota is used up, its key is not taken, or it wants a proof that a person asks. The operator has to act; the detail says how.",
    ),
    (
        "source-refused",
        "Not to be had",
        "The source has it, but it cannot be fetched here: private, restricted, live, a playlist, too long, or an address within the operator's network. The detail says which.",
    ),
    (
        "source-unavailable",
        "Source unavailable",
        "The source cannot be reached now, or a program that it needs is not installed here. The detail says which.",
    ),
    ("store-full", "Store full", "The object store has no room. The operator has to make some."),
    ("too-large", "Too large", "The body has more bytes than are taken here; the detail names the limit."),
    (
        "too-many-keys",
        "Too many keys",
        "The account has as many API keys as it may have. Delete one that is not used.",
    ),
    (
        "too-many-tries",
        "Too many tries",
        "Too many sign-ins failed for this account or from this address. Wait as long as the detail says.",
    ),
    (
        "too-many-webhooks",
        "Too many webhooks",
        "The account has as many webhooks as it may have. Delete one that is not used.",
    ),
    (
        "too-slow",
        "Too slow",
        "The sender was silent for too long, or sent too little. Nothing was kept; send it again over a better line.",
    ),
    (
        "tus-version",
        "Another version of tus",
        "A request to /v1/uploads says with Tus-Resumable which version of tus it speaks, and this server speaks those in the header Tus-Version.",
    ),
    (
        "unavailable",
        "Not available now",
        "Something behind the server cannot be reached. Wait as long as the header Retry-After says and try again.",
    ),
    ("unknown-profile", "Unknown profile", "No profile has this name. GET /v1/profiles lists them."),
    (
        "unsatisfiable-range",
        "Range outside",
        "No range of the header Range lies within the content, whose size the header Content-Range says.",
    ),
    (
        "unsupported",
        "Not supported",
        "The file is media, but of a codec or container that is not read here, or without any audio. The detail names it.",
    ),
    (
        "upload-expired",
        "Upload given up",
        "No bytes came for longer than the setting retention_uploads, or the upload was ended. Begin it again.",
    ),
    (
        "upload-locked",
        "Upload in use",
        "Another request works on the same upload, or has taken it over. Ask for its offset with HEAD after as long as Retry-After says, and go on there.",
    ),
    (
        "webhook-disabled",
        "Webhook disabled",
        "The webhook is sent nothing, since its receiver wanted nothing more. Enable it with POST /v1/webhooks/{id}/enable first.",
    ),
    (
        "wrong-content-type",
        "Wrong content type",
        "The body is of another type than this call takes; the detail names the type.",
    ),
    (
        "wrong-credentials",
        "Wrong credentials",
        "No account has this address or name together with this password.",
    ),
    (
        "wrong-offset",
        "Wrong offset",
        "An upload goes on exactly where it stands. Ask with HEAD; the header Upload-Offset says where that is.",
    ),
    ("wrong-protocol", "Wrong protocol", "A gRPC method is called over HTTP/2. Use a gRPC client for it."),
    (
        "wrong-size",
        "Wrong size",
        "Other than the announced number of bytes came. Nothing was kept; announce what is sent, or nothing.",
    ),
    ("wrong-state", "Wrong state", "What is asked for does not go with the state that the job is in."),
];

/// The title of the problem of that name.
pub(super) fn title(name: &str) -> &'static str {
    row(name).map_or("Problem", |(_, title, _)| title)
}

fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|(known, ..)| *known == name)
}

pub(super) async fn explain(Path(name): Path<String>) -> Result<String, Problem> {
    let (name, title, text) = row(&name).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such problem; /problems lists them")
    })?;
    Ok(format!("{title} ({name})\n\n{text}\n"))
}

pub(super) async fn list() -> String {
    let rows = TABLE.iter().map(|(name, title, text)| format!("{title} (/problems/{name})\n{text}\n"));
    rows.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use reelmill_core::FailureKind;

    use super::*;
    use crate::http::problem::of_failure;

    /// The names after each `marker`, one more `prefix` and a word, as in `Kind::Invalid, "empty"`.
    fn names_after(marker: &str, prefix: &str, source: &str, names: &mut BTreeSet<String>) {
        for after in source.split(marker).skip(1) {
            let Some(rest) = after.trim_start().strip_prefix(prefix) else { continue };
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').trim_start();
            let literal = rest.strip_prefix(',').and_then(|rest| rest.trim_start().strip_prefix('"'));
            let name = literal.and_then(|literal| literal.split('"').next());
            let is_name = |text: &&str| text.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase());
            names.extend(name.filter(is_name).map(str::to_owned));
        }
    }

    fn read_sources(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_sources(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                names_after("Kind::", "", &source, names);
                names_after("Problem::new(", "StatusCode::", &source, names);
            }
        }
    }

    #[test]
    fn every_problem_that_is_given_anywhere_is_explained() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut names = BTreeSet::new();
        read_sources(&here.join("src/http"), &mut names);
        read_sources(&here.join("src/doors"), &mut names);
        read_sources(&here.join("src/grpc"), &mut names);
        read_sources(&here.join("../service/src"), &mut names);
        assert!(
            names.contains("wrong-credentials") && names.contains("misdirected") && names.len() > 25,
            "{names:?}"
        );
        let failures = [
            FailureKind::Unsupported,
            FailureKind::Corrupt,
            FailureKind::Limit,
            FailureKind::Source,
            FailureKind::Timeout,
            FailureKind::Internal,
        ];
        names.extend(failures.map(|kind| of_failure(kind).1.to_owned()));
        let unexplained: Vec<_> = names.iter().filter(|name| row(name).is_none()).collect();
        assert!(unexplained.is_empty(), "{unexplained:?}");
    }

    #[test]
    fn the_table_is_sorted_and_has_each_name_once() {
        assert!(TABLE.is_sorted_by(|(a, ..), (b, ..)| a < b));
    }
}
