//! One change of the catalog, with the condition that it stands on.
//!
//! Everything durable is a list of these, handed to [`Catalog::commit`](crate::ports::Catalog::commit), which
//! takes all of it or none. On SQL that is a transaction, on DynamoDB one `TransactWriteItems`.

use crate::ports::Sequence;
use crate::{
    ApiKey, ApiKeyId, Delivery, DeliveryId, EndedToken, Intent, Job, JobId, Key, Media, MediaId, Notice,
    NoticeId, Operation, Output, OutputId, Receipt, Resumable, Song, SongId, Task, Timestamp, User, UserId,
    Video, Webhook, WebhookId,
};

/// A change. Where its condition does not hold, the whole commit is a conflict and nothing is changed.
#[derive(Debug, Clone)]
pub enum Write {
    /// Needs: no account of that id, number, address or name, and no account whose name is this address or the
    /// other way round.
    AddUser(User),
    /// Needs: the stored version is one less than this one's, and the same uniqueness as [`Write::AddUser`].
    ReplaceUser(User),
    /// Takes the account and its API keys away. Needs: it is there.
    DropUser(UserId),
    /// Needs: no key of that id or secret.
    AddApiKey(ApiKey),
    /// Needs: that key, and it is that account's.
    DropApiKey(ApiKeyId, UserId),
    /// Needs nothing: ending a token twice is ending it.
    EndToken(EndedToken),
    /// Needs: no media of that id.
    AddMedia(Media),
    /// Needs: it is there.
    DropMedia(MediaId),
    /// Changes nothing. Needs: that media is there. It goes with what is added to a media, so that nothing is added to
    /// one that is deleted at the same moment.
    NeedMedia(MediaId),
    /// Needs: no job of that id.
    AddJob(Job),
    /// Needs: the stored version is one less than this one's. A job whose token changes starts with a fresh pulse.
    ReplaceJob(Job),
    /// Needs: the job stands at this version.
    DropJob(JobId, u64),
    /// Needs: no output of that id or fid.
    AddOutput(Output),
    /// Needs: it is there.
    DropOutput(OutputId),
    /// Needs: no intent of that key. A condemned one goes with the write that drops an object's media or output.
    AddIntent(Intent),
    /// Makes the intent of that key a condemned one. Needs: it is there. An object that became visible has none any
    /// more, so that whoever takes its writer for dead too late is refused here.
    Condemn(Key, Timestamp),
    /// Takes the intent away for the object that becomes visible. Needs: it is there and not condemned.
    TakeIntent(Key),
    /// Takes a condemned intent away. Needs nothing.
    ForgetIntent(Key),
    /// Needs: no receipt of that scope and key that expires after the moment given.
    AddReceipt(Receipt, Timestamp),
    /// Needs: no notice of that id.
    AddNotice(Notice),
    /// Puts the notice off to its new due time. Needs: it is there.
    ReplaceNotice(Notice),
    /// Needs nothing: a notice that is told twice is dropped once.
    DropNotice(NoticeId),
    /// Needs: no song of that id or of that platform's id.
    AddSong(Song),
    /// Needs: the stored version is one less than this one's, and the same uniqueness as [`Write::AddSong`].
    ReplaceSong(Song),
    /// Needs: the song stands at this version.
    DropSong(SongId, u64),
    /// Needs: no operation of that id.
    AddOperation(Operation),
    /// Needs: no video of that id, number or thumbnail.
    AddVideo(Video),
    /// Needs: the stored version is one less than this one's, and the same uniqueness as [`Write::AddVideo`].
    ReplaceVideo(Video),
    /// Needs: the video stands at this version.
    DropVideo(MediaId, u64),
    /// Needs: no task of that number.
    AddTask(Task),
    /// Needs: the stored version is one less than this one's.
    ReplaceTask(Task),
    /// Needs: the task stands at this version.
    DropTask(i64, u64),
    /// Needs: no webhook of that id.
    AddWebhook(Webhook),
    /// Needs: the stored version is one less than this one's.
    ReplaceWebhook(Webhook),
    /// Needs: the webhook stands at this version. Its deliveries stay until they are dropped or expire.
    DropWebhook(WebhookId, u64),
    /// Needs: no delivery of that id.
    AddDelivery(Delivery),
    /// Needs: the stored version is one less than this one's.
    ReplaceDelivery(Delivery),
    /// Needs nothing: a delivery is dropped once or twice alike.
    DropDelivery(DeliveryId),
    /// Needs: no upload of that id.
    AddUpload(Resumable),
    /// Needs: the stored version is one less than this one's.
    ReplaceUpload(Resumable),
    /// Needs: the upload stands at this version.
    DropUpload(MediaId, u64),
    /// Lets the sequence go on behind this number, where it is not there yet. Needs nothing.
    RaiseSequence(Sequence, i64),
}
