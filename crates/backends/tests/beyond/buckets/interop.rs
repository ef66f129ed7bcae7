//! What Amazon's and Google's own clients make of our objects, and we of theirs.

use std::time::Duration;

use reelmill_core::ports::Handout;

use super::place::{BUCKET, LARGE, Place, content, gcs, gcs_at, key, s3, s3_at};

/// A name with what goes wrong in signatures and paths.
const NAME: &str = "tasks/7/El Día + más 100%.mp3";

async fn with_two(place: &Place) {
    place.put(NAME, &content(1_000_003)).await.unwrap();
    place.put("outputs/large.mp4", &content(LARGE)).await.unwrap();
}

pub(crate) async fn boto3_reads_what_we_write() {
    let place = s3_at(&s3(), "").await;
    with_two(&place).await;
    let read = format!(
        "
for name, length, kind in (('{NAME}', 1000003, 'audio/mpeg'), ('outputs/large.mp4', {LARGE}, 'video/mp4')):
    got = amazon().get_object(Bucket=bucket, Key=f'{{prefix}}/{{name}}')
    assert (got['ContentLength'], got['ContentType']) == (length, kind), got
    assert list(got['Metadata']) == ['reelmill-writer'], got['Metadata']
    assert got['Body'].read() == content(length), name
print('read')"
    );
    assert_eq!(place.python(&read).await, "read");
    assert_eq!(place.objects.uri(&key(NAME)), format!("s3://{BUCKET}/{}/{NAME}", place.prefix));
}

pub(crate) async fn we_read_what_boto3_writes() {
    let place = s3_at(&s3(), "").await;
    let write = format!(
        "
import io
from boto3.s3.transfer import TransferConfig
amazon().put_object(Bucket=bucket, Key=f'{{prefix}}/{NAME}', Body=content(1000003))
amazon().upload_fileobj(io.BytesIO(content({LARGE})), bucket, f'{{prefix}}/large',
    Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20))
print('written')"
    );
    assert_eq!(place.python(&write).await, "written");
    assert!(place.holds(NAME, &content(1_000_003)).await);
    assert!(place.holds("large", &content(LARGE)).await);
    assert!(place.put("large", b"x").await.is_err(), "it was written over");
}

pub(crate) async fn googles_client_reads_what_we_write() {
    let place = gcs_at(&gcs(), "").await;
    with_two(&place).await;
    let read = format!(
        "
for name, length, kind in (('{NAME}', 1000003, 'audio/mpeg'), ('outputs/large.mp4', {LARGE}, 'video/mp4')):
    blob = google().bucket(bucket).get_blob(f'{{prefix}}/{{name}}')
    assert (blob.size, blob.content_type, list(blob.metadata)) == (length, kind, ['reelmill-writer']), blob
    assert blob.download_as_bytes(checksum='crc32c') == content(length), name
print('read')"
    );
    assert_eq!(place.python(&read).await, "read");
}

pub(crate) async fn an_address_is_signed_as_googles_client_does() {
    // A key that nobody else has, made for this.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let place = gcs_at(&gcs(), "").await;
    let make = format!(
        "
import json
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
json.dump({{'type': 'service_account', 'client_email': 'mill@reel.iam.gserviceaccount.com', 'private_key': key,
    'private_key_id': '1', 'project_id': 'reel', 'token_uri': 'http://127.0.0.1:1/'}}, open('{}', 'w'))
print('made')",
        file.display()
    );
    assert_eq!(place.python(&make).await, "made");
    let signing = gcs_at(&gcs(), "").await;
    assert_eq!(signing.objects.presign(&key(NAME), &handout()).await.unwrap(), None);
    let url = format!("gs://{BUCKET}/films?credentials={}", file.display());
    let deployment = reelmill_backends::Deployment::within("".into());
    let objects = reelmill_backends::objects::open(&url, &deployment).await.unwrap();
    let address = objects.presign(&key(NAME), &handout()).await.unwrap().unwrap();
    let sign = format!(
        "
from google.cloud.storage import _signing
from google.oauth2 import service_account
from urllib.parse import quote, urlsplit, parse_qs
account = service_account.Credentials.from_service_account_file('{}')
ours = '{address}'
date = parse_qs(urlsplit(ours).query)['X-Goog-Date'][0]
theirs = _signing.generate_signed_url_v4(account, resource='/{BUCKET}/' + quote('films/{NAME}', safe='/~'), expiration=60,
    api_access_endpoint='https://storage.googleapis.com', response_type='audio/mpeg',
    response_disposition='{}', _request_timestamp=date)
parts = lambda url: (urlsplit(url)[:3], parse_qs(urlsplit(url).query))
assert parts(ours) == parts(theirs), (ours, theirs)
print('same')",
        file.display(),
        handout().disposition
    );
    assert_eq!(place.python(&sign).await, "same");
}

fn handout() -> Handout<'static> {
    Handout {
        content_type: "audio/mpeg",
        disposition: "attachment; filename=\"a b.mp3\"",
        lifetime: Duration::from_mins(1),
    }
}
