//! A commit in memory: each write is done at once, with the way back noted, so that a conflict further down
//! the list leaves no trace.

use std::collections::BTreeMap;

use reelmill_core::ports::CatalogError;
use reelmill_core::{
    Delivery, Holder, Intent, Job, Key, MediaId, Pulse, Receipt, Song, SongId, Timestamp, User, UserId,
    Video, WebhookId, Write,
};

use super::Tables;

type Undo = Box<dyn FnOnce(&mut Tables) + Send>;

/// Writes done so far, and how to undo them.
pub(super) struct Change<'a> {
    tables: &'a mut Tables,
    undo: Vec<Undo>,
}

impl<'a> Change<'a> {
    pub(super) const fn new(tables: &'a mut Tables) -> Self {
        Self { tables, undo: Vec::new() }
    }

    /// Takes everything back, the last first.
    pub(super) fn undo(self) {
        for undo in self.undo.into_iter().rev() {
            undo(self.tables);
        }
    }

    /// Does one write, if its condition holds.
    pub(super) fn apply(&mut self, write: Write) -> Result<(), CatalogError> {
        match write {
            Write::AddUser(user) => self.add_user(user),
            Write::ReplaceUser(user) => self.replace_user(user),
            Write::DropUser(id) => self.drop_user(id),
            Write::AddApiKey(key) => {
                need(self.tables.api_keys.values().all(|other| other.secret_hash != key.secret_hash))?;
                self.add(|tables| &mut tables.api_keys, key.id, key)
            }
            Write::DropApiKey(id, user) => {
                need(self.tables.api_keys.get(&id).is_some_and(|key| key.user_id == user))?;
                self.drop_there(|tables| &mut tables.api_keys, id)
            }
            Write::EndToken(token) => {
                self.set(|tables| &mut tables.ended_tokens, token.jti, Some(token.expires_at));
                Ok(())
            }
            Write::AddMedia(media) => self.add(|tables| &mut tables.media, media.id, media),
            Write::NeedMedia(id) => need(self.tables.media.contains_key(&id)),
            Write::DropMedia(id) => self.drop_there(|tables| &mut tables.media, id),
            Write::AddJob(job) => {
                self.add(|tables| &mut tables.jobs, job.id, Job { pulse: Pulse::default(), ..job })
            }
            Write::ReplaceJob(job) => self.replace_job(job),
            Write::DropJob(id, version) => {
                need(self.tables.jobs.get(&id).is_some_and(|job| job.version == version))?;
                self.drop_there(|tables| &mut tables.jobs, id)
            }
            Write::AddOutput(output) => {
                need(self.tables.outputs.values().all(|other| other.fid != output.fid))?;
                self.add(|tables| &mut tables.outputs, output.id, output)
            }
            Write::DropOutput(id) => self.drop_there(|tables| &mut tables.outputs, id),
            Write::AddIntent(intent) => self.add(|tables| &mut tables.intents, intent.key.clone(), intent),
            Write::Condemn(key, since) => self.condemn(key, since),
            Write::TakeIntent(key) => {
                need(self.tables.intents.get(&key).is_some_and(|intent| !is_condemned(intent)))?;
                self.drop_there(|tables| &mut tables.intents, key)
            }
            Write::ForgetIntent(key) => {
                if self.tables.intents.get(&key).is_some_and(is_condemned) {
                    self.set(|tables| &mut tables.intents, key, None);
                }
                Ok(())
            }
            Write::AddReceipt(receipt, now) => self.add_receipt(receipt, now),
            Write::AddNotice(notice) => self.add(|tables| &mut tables.notices, notice.id, notice),
            Write::ReplaceNotice(notice) => {
                need(self.tables.notices.contains_key(&notice.id))?;
                self.set(|tables| &mut tables.notices, notice.id, Some(notice));
                Ok(())
            }
            Write::DropNotice(id) => {
                self.set(|tables| &mut tables.notices, id, None);
                Ok(())
            }
            Write::AddSong(song) => self.add_song(song),
            Write::ReplaceSong(song) => {
                self.drop_song(song.id, song.version.checked_sub(1))?;
                self.add_song(song)
            }
            Write::DropSong(id, version) => self.drop_song(id, Some(version)),
            Write::AddOperation(operation) => {
                self.add(|tables| &mut tables.operations, operation.id, operation)
            }
            Write::AddVideo(video) => self.add_video(video),
            Write::ReplaceVideo(video) => {
                self.drop_video(video.id, video.version.checked_sub(1))?;
                self.add_video(video)
            }
            Write::DropVideo(id, version) => self.drop_video(id, Some(version)),
            Write::AddTask(task) => self.add(|tables| &mut tables.tasks, task.number, task),
            Write::ReplaceTask(task) => {
                self.drop_task(task.number, task.version.checked_sub(1))?;
                self.add(|tables| &mut tables.tasks, task.number, task)
            }
            Write::DropTask(number, version) => self.drop_task(number, Some(version)),
            Write::AddWebhook(webhook) => self.add(|tables| &mut tables.webhooks, webhook.id, webhook),
            Write::ReplaceWebhook(webhook) => {
                self.drop_webhook(webhook.id, webhook.version.checked_sub(1))?;
                self.add(|tables| &mut tables.webhooks, webhook.id, webhook)
            }
            Write::DropWebhook(id, version) => self.drop_webhook(id, Some(version)),
            Write::AddDelivery(delivery) => self.add(|tables| &mut tables.deliveries, delivery.id, delivery),
            Write::ReplaceDelivery(delivery) => self.replace_delivery(delivery),
            Write::DropDelivery(id) => {
                self.set(|tables| &mut tables.deliveries, id, None);
                Ok(())
            }
            Write::AddUpload(upload) => self.add(|tables| &mut tables.uploads, upload.id, upload),
            Write::ReplaceUpload(upload) => {
                self.drop_upload(upload.id, upload.version.checked_sub(1))?;
                self.add(|tables| &mut tables.uploads, upload.id, upload)
            }
            Write::DropUpload(id, version) => self.drop_upload(id, Some(version)),
            Write::RaiseSequence(sequence, number) => {
                let given = self.tables.numbers.get(sequence.as_str()).copied().unwrap_or_default();
                self.set(|tables| &mut tables.numbers, sequence.as_str(), Some(given.max(number)));
                Ok(())
            }
        }
    }

    fn add_user(&mut self, user: User) -> Result<(), CatalogError> {
        need(self.tables.users.values().all(|other| other.number != user.number))?;
        for login in logins(&user) {
            need(self.tables.logins.get(&login).is_none_or(|owner| *owner == user.id))?;
            self.set(|tables| &mut tables.logins, login, Some(user.id));
        }
        self.add(|tables| &mut tables.users, user.id, user)
    }

    fn replace_user(&mut self, user: User) -> Result<(), CatalogError> {
        let stored = self.tables.users.get(&user.id).cloned().ok_or(CatalogError::Conflict)?;
        need(stored.version.checked_add(1) == Some(user.version))?;
        self.forget_user(&stored);
        self.add_user(user)
    }

    fn drop_user(&mut self, id: UserId) -> Result<(), CatalogError> {
        let stored = self.tables.users.get(&id).cloned().ok_or(CatalogError::Conflict)?;
        self.forget_user(&stored);
        let keys: Vec<_> =
            self.tables.api_keys.values().filter(|key| key.user_id == id).map(|key| key.id).collect();
        for key in keys {
            self.set(|tables| &mut tables.api_keys, key, None);
        }
        Ok(())
    }

    fn forget_user(&mut self, user: &User) {
        for login in logins(user) {
            self.set(|tables| &mut tables.logins, login, None);
        }
        self.set(|tables| &mut tables.users, user.id, None);
    }

    fn replace_job(&mut self, job: Job) -> Result<(), CatalogError> {
        let stored = self.tables.jobs.get(&job.id).ok_or(CatalogError::Conflict)?;
        need(stored.version.checked_add(1) == Some(job.version))?;
        let is_same_claim = stored.claim().map(|claim| claim.token) == job.claim().map(|claim| claim.token);
        let pulse = if is_same_claim { stored.pulse } else { Pulse::default() };
        self.set(|tables| &mut tables.jobs, job.id, Some(Job { pulse, ..job }));
        Ok(())
    }

    fn add_song(&mut self, song: Song) -> Result<(), CatalogError> {
        need(self.tables.songs.values().all(|other| other.found.id != song.found.id))?;
        self.add(|tables| &mut tables.songs, song.id, song)
    }

    fn drop_song(&mut self, id: SongId, version: Option<u64>) -> Result<(), CatalogError> {
        need(self.tables.songs.get(&id).is_some_and(|song| Some(song.version) == version))?;
        self.drop_there(|tables| &mut tables.songs, id)
    }

    fn add_video(&mut self, video: Video) -> Result<(), CatalogError> {
        let uuid = |video: &Video| video.thumbnail.as_ref().map(|thumbnail| thumbnail.uuid);
        let is_rival = |other: &Video| {
            other.number == video.number || (uuid(other).is_some() && uuid(other) == uuid(&video))
        };
        need(!self.tables.videos.values().any(is_rival))?;
        self.add(|tables| &mut tables.videos, video.id, video)
    }

    fn drop_video(&mut self, id: MediaId, version: Option<u64>) -> Result<(), CatalogError> {
        need(self.tables.videos.get(&id).is_some_and(|video| Some(video.version) == version))?;
        self.drop_there(|tables| &mut tables.videos, id)
    }

    fn drop_task(&mut self, number: i64, version: Option<u64>) -> Result<(), CatalogError> {
        need(self.tables.tasks.get(&number).is_some_and(|task| Some(task.version) == version))?;
        self.drop_there(|tables| &mut tables.tasks, number)
    }

    fn condemn(&mut self, key: Key, since: Timestamp) -> Result<(), CatalogError> {
        let known = self.tables.intents.get(&key).cloned().ok_or(CatalogError::Conflict)?;
        let condemned = Intent { holder: Holder::Condemned { since }, ..known };
        self.set(|tables| &mut tables.intents, key, Some(condemned));
        Ok(())
    }

    fn add_receipt(&mut self, receipt: Receipt, now: Timestamp) -> Result<(), CatalogError> {
        let place = (receipt.scope.clone(), receipt.key.clone());
        need(self.tables.receipts.get(&place).is_none_or(|old| old.expires_at <= now))?;
        self.set(|tables| &mut tables.receipts, place, Some(receipt));
        Ok(())
    }

    fn replace_delivery(&mut self, delivery: Delivery) -> Result<(), CatalogError> {
        let before = self.tables.deliveries.get(&delivery.id).map(|stored| stored.version);
        need(before.is_some() && before == delivery.version.checked_sub(1))?;
        self.set(|tables| &mut tables.deliveries, delivery.id, Some(delivery));
        Ok(())
    }

    fn drop_webhook(&mut self, id: WebhookId, version: Option<u64>) -> Result<(), CatalogError> {
        need(self.tables.webhooks.get(&id).is_some_and(|webhook| Some(webhook.version) == version))?;
        self.drop_there(|tables| &mut tables.webhooks, id)
    }

    fn drop_upload(&mut self, id: MediaId, version: Option<u64>) -> Result<(), CatalogError> {
        need(self.tables.uploads.get(&id).is_some_and(|upload| Some(upload.version) == version))?;
        self.drop_there(|tables| &mut tables.uploads, id)
    }

    fn add<K, V>(
        &mut self,
        table: fn(&mut Tables) -> &mut BTreeMap<K, V>,
        key: K,
        value: V,
    ) -> Result<(), CatalogError>
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        need(!table(self.tables).contains_key(&key))?;
        self.set(table, key, Some(value));
        Ok(())
    }

    fn drop_there<K, V>(
        &mut self,
        table: fn(&mut Tables) -> &mut BTreeMap<K, V>,
        key: K,
    ) -> Result<(), CatalogError>
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        need(table(self.tables).contains_key(&key))?;
        self.set(table, key, None);
        Ok(())
    }

    fn set<K, V>(&mut self, table: fn(&mut Tables) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let before = swap(table(self.tables), key.clone(), value);
        self.undo.push(Box::new(move |tables| {
            swap(table(tables), key, before);
        }));
    }
}

fn swap<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    }
}

const fn need(condition: bool) -> Result<(), CatalogError> {
    if condition { Ok(()) } else { Err(CatalogError::Conflict) }
}

const fn is_condemned(intent: &Intent) -> bool {
    matches!(intent.holder, Holder::Condemned { .. })
}

/// What an account can be called by at sign-in.
fn logins(user: &User) -> [String; 2] {
    [user.email.to_lowercase(), user.name.to_lowercase()]
}
