//! Addresses: the key of every item that stands for itself, a record's own and that of each name that it holds alone.

use reelmill_core::ports::Sequence;
use reelmill_core::{
    ApiKeyId, DeliveryId, JobId, Key, MediaId, NoticeId, OperationId, OutputId, Record, SongId, User, UserId,
    Video, WebhookId,
};
use uuid::Uuid;

use super::item::{Item, PK, SK, text};

/// The partitions that a list is spread over.
pub(super) const SHARDS: u8 = 4;

/// One of the two tables that the music bot's contract names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Table {
    /// Songs, their names and their list.
    Songs,
    /// Everything else.
    Operations,
}

/// An item's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) table: Table,
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Address {
    pub(super) fn new(table: Table, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { table, pk: pk.into(), sk: sk.into() }
    }

    /// An item alone in its partition.
    fn alone(pk: String, sk: &str) -> Self {
        Self::new(Table::Operations, pk, sk)
    }

    pub(super) fn user(id: UserId) -> Self {
        Self::alone(format!("USER#{id}"), "USER")
    }

    pub(super) fn api_key(id: ApiKeyId) -> Self {
        Self::alone(format!("API-KEY#{id}"), "API-KEY")
    }

    pub(super) fn ended_token(jti: &str) -> Self {
        Self::alone(format!("ENDED-TOKEN#{}", short(jti)), "ENDED-TOKEN")
    }

    pub(super) fn webhook(id: WebhookId) -> Self {
        Self::alone(format!("WEBHOOK#{id}"), "WEBHOOK")
    }

    pub(super) fn delivery(id: DeliveryId) -> Self {
        Self::alone(format!("DELIVERY#{id}"), "DELIVERY")
    }

    pub(super) fn is_delivery(&self) -> bool {
        self.sk == "DELIVERY"
    }

    pub(super) fn media(id: MediaId) -> Self {
        Self::alone(format!("MEDIA#{id}"), "MEDIA")
    }

    pub(super) fn job(id: JobId) -> Self {
        Self::alone(format!("JOB#{id}"), "JOB")
    }

    pub(super) fn output(id: OutputId) -> Self {
        Self::alone(format!("OUTPUT#{id}"), "OUTPUT")
    }

    pub(super) fn intent(key: &Key) -> Self {
        let shard = shard(key.as_str());
        Self::new(Table::Operations, format!("INTENTS#{shard}"), key.as_str())
    }

    pub(super) fn receipt(scope: &str, key: &str) -> Self {
        let pk = format!("RECEIPT#{}", short(scope));
        Self::new(Table::Operations, pk, format!("KEY#{}", short(key)))
    }

    pub(super) fn notice(id: NoticeId) -> Self {
        Self::alone(format!("NOTICE#{id}"), "NOTICE")
    }

    pub(super) fn song(id: SongId) -> Self {
        let key = format!("METADATA#{id}");
        Self::new(Table::Songs, key.clone(), key)
    }

    pub(super) fn operation(id: OperationId, song: &str) -> Self {
        let sk = if song.is_empty() { "-".to_owned() } else { short(song) };
        Self::new(Table::Operations, format!("OPERATION#{id}"), sk)
    }

    pub(super) fn video(id: MediaId) -> Self {
        Self::alone(format!("VIDEO#{id}"), "VIDEO")
    }

    pub(super) fn task(number: i64) -> Self {
        Self::alone(format!("TASK#{number}"), "TASK")
    }

    pub(super) fn upload(id: MediaId) -> Self {
        Self::alone(format!("UPLOAD#{id}"), "UPLOAD")
    }

    pub(super) fn sequence(sequence: Sequence) -> Self {
        Self::alone(format!("SEQUENCE#{}", sequence.as_str()), "SEQUENCE")
    }

    pub(super) fn worker(name: &str) -> Self {
        Self::alone(format!("WORKER#{}", short(name)), "WORKER")
    }

    pub(super) fn pause() -> Self {
        Self::alone("PAUSE#queue".to_owned(), "PAUSE")
    }

    pub(super) fn census(shard: u8) -> Self {
        Self::alone(format!("CENSUS#{shard}"), "CENSUS")
    }

    pub(super) fn schema() -> Self {
        Self::alone("REELMILL".to_owned(), "SCHEMA")
    }

    /// The item that says whose a login is: addresses and names are one kind of name.
    pub(super) fn login(login: &str) -> Self {
        Self::alone(format!("LOGIN#{}", short(&login.to_lowercase())), "NAME")
    }

    pub(super) fn user_number(number: i64) -> Self {
        Self::alone(format!("USER-NUMBER#{number}"), "NAME")
    }

    pub(super) fn secret(hash: &str) -> Self {
        Self::alone(format!("API-KEY-SECRET#{}", short(hash)), "NAME")
    }

    pub(super) fn output_fid(fid: &str) -> Self {
        Self::alone(format!("OUTPUT-FID#{}", short(fid)), "NAME")
    }

    pub(super) fn operation_id(id: OperationId) -> Self {
        Self::alone(format!("OPERATION-ID#{id}"), "NAME")
    }

    pub(super) fn video_number(number: i64) -> Self {
        Self::alone(format!("VIDEO-NUMBER#{number}"), "NAME")
    }

    pub(super) fn thumbnail(uuid: Uuid) -> Self {
        Self::alone(format!("THUMBNAIL#{uuid}"), "NAME")
    }

    pub(super) fn source(id: &str) -> Self {
        Self::new(Table::Songs, format!("SOURCE#{}", short(id)), "NAME")
    }

    /// The record's own.
    pub(super) fn of(record: &Record) -> Self {
        match record {
            Record::User(user) => Self::user(user.id),
            Record::ApiKey(key) => Self::api_key(key.id),
            Record::EndedToken(token) => Self::ended_token(&token.jti),
            Record::Media(media) => Self::media(media.id),
            Record::Job(job) => Self::job(job.id),
            Record::Output(output) => Self::output(output.id),
            Record::Intent(intent) => Self::intent(&intent.key),
            Record::Receipt(receipt) => Self::receipt(&receipt.scope, &receipt.key),
            Record::Notice(notice) => Self::notice(notice.id),
            Record::Song(song) => Self::song(song.id),
            Record::Operation(operation) => Self::operation(operation.id, &operation.song),
            Record::Video(video) => Self::video(video.id),
            Record::Task(task) => Self::task(task.number),
            Record::Webhook(webhook) => Self::webhook(webhook.id),
            Record::Delivery(delivery) => Self::delivery(delivery.id),
            Record::Upload(upload) => Self::upload(upload.id),
            Record::Sequence(sequence, _) => Self::sequence(*sequence),
        }
    }
}

/// The names that a record holds alone: each is an item, so that a second one cannot be written.
pub(super) fn names(record: &Record) -> Vec<Address> {
    match record {
        Record::User(User { email, name, number, .. }) => {
            let mut names = vec![Address::login(email), Address::login(name), Address::user_number(*number)];
            names.dedup();
            names
        }
        Record::ApiKey(key) => vec![Address::secret(&key.secret_hash)],
        Record::Output(output) => vec![Address::output_fid(&output.fid)],
        Record::Song(song) => vec![Address::source(&song.found.id)],
        Record::Operation(operation) => vec![Address::operation_id(operation.id)],
        Record::Video(Video { number, thumbnail, .. }) => {
            let thumbnail = thumbnail.as_ref().map(|thumbnail| Address::thumbnail(thumbnail.uuid));
            std::iter::once(Address::video_number(*number)).chain(thumbnail).collect()
        }
        _ => Vec::new(),
    }
}

/// An item's key.
pub(super) fn key(at: &Address) -> Item {
    Item::from([(PK.to_owned(), text(&at.pk)), (SK.to_owned(), text(&at.sk))])
}

/// Which of its partitions a list keeps the thing of that name in.
pub(super) fn shard(of: &str) -> u8 {
    blake3::hash(of.as_bytes()).as_bytes()[0] % SHARDS
}

/// A text of any length as a part of a key: the end of a very long one is told by its hash.
pub(super) fn short(text: &str) -> String {
    const MOST_BYTES: usize = 800;
    if text.len() <= MOST_BYTES {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(MOST_BYTES);
    format!("{}#{}", &text[..cut], digest(text))
}

/// A text's hash.
pub(super) fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
