//! Whose turn an upload is: it is held by the intent of its newest object, for as long as that intent lives.
//!
//! Whoever wants it asks the holder to stop, which a sender whose connection is gone without a word needs most. A holder
//! that says nothing and whose intent has not been seen to beat for a lease is dead, and its intent is condemned by
//! whoever follows.

use std::sync::Arc;

use reelmill_core::ports::CatalogError;
use reelmill_core::{Holder, Intent, Key, Kind, MediaId, Phase, Resumable, Write};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep};

use super::locked;
use crate::ingest::Arriving;
use crate::{Caller, Error, Service};

/// Between two looks at an upload that another holds.
const LOOK: Duration = Duration::from_millis(100);

/// How much longer than a lease somebody waits: the last look may be that much late.
const GRACE: Duration = Duration::from_secs(1);

/// An upload that this request alone may change, for as long as the intent lives.
pub(super) struct Hold {
    pub(super) upload: Resumable,
    pub(super) arriving: Arriving,
}

/// What became of waiting for an upload.
pub(super) enum Turn {
    Ours(Hold),
    /// It is a media already.
    Done(Resumable),
}

/// Whether somebody holds an upload.
enum Standing {
    Held,
    /// Nobody does, or one that is dead: that one's key.
    Free(Option<Key>),
}

/// What was last seen of a holder.
struct Watch {
    key: Key,
    beats: u64,
    since: Instant,
}

impl Service {
    /// Waits for the upload, about a lease at most, and takes hold of it where `check` finds nothing wrong with it then.
    pub(super) async fn turn(
        &self,
        caller: &Caller,
        id: MediaId,
        check: impl Fn(&Resumable) -> Result<(), Error> + Send,
    ) -> Result<Turn, Error> {
        let (begun, mut watch) = (Instant::now(), None);
        loop {
            let upload = self.owned_upload(caller, id).await?;
            if upload.phase == Phase::Done {
                return Ok(Turn::Done(upload));
            }
            if let Standing::Free(dead) = self.look_at(&upload, &mut watch).await? {
                check(&upload)?;
                match self.take_hold(upload, dead).await {
                    // Somebody was faster.
                    Err(error) if error.kind == Kind::Conflict => {}
                    taken => return taken.map(Turn::Ours),
                }
            }
            self.wait_for_turn(begun).await?;
        }
    }

    /// The upload when nobody works on it any more.
    pub(super) async fn at_rest(&self, caller: &Caller, id: MediaId) -> Result<Resumable, Error> {
        let (begun, mut watch) = (Instant::now(), None);
        loop {
            let upload = self.owned_upload(caller, id).await?;
            if upload.phase == Phase::Done {
                return Ok(upload);
            }
            if let Standing::Free(_) = self.look_at(&upload, &mut watch).await? {
                return Ok(upload);
            }
            self.wait_for_turn(begun).await?;
        }
    }

    async fn wait_for_turn(&self, begun: Instant) -> Result<(), Error> {
        if begun.elapsed() > self.options().lease + GRACE {
            return Err(locked());
        }
        sleep(LOOK).await;
        Ok(())
    }

    /// Whether the upload is held; whoever holds it is asked to stop.
    async fn look_at(&self, upload: &Resumable, watch: &mut Option<Watch>) -> Result<Standing, Error> {
        let Some(intent) = self.holder(upload).await? else { return Ok(Standing::Free(None)) };
        let known = watch.take().filter(|known| known.key == intent.key && known.beats == intent.beats);
        let since = known.map_or_else(Instant::now, |known| known.since);
        if since.elapsed() >= self.options().lease {
            return Ok(Standing::Free(Some(intent.key)));
        }
        self.ask_for(upload).await?;
        *watch = Some(Watch { key: intent.key, beats: intent.beats, since });
        Ok(Standing::Held)
    }

    /// The living intent of the upload's newest object.
    async fn holder(&self, upload: &Resumable) -> Result<Option<Intent>, Error> {
        let Some(before) = upload.newest_object.checked_sub(1) else { return Ok(None) };
        let key = upload.key(upload.newest_object).map_err(Error::internal)?;
        let before = upload.key(before).map_err(Error::internal)?;
        let found = self.catalog().intents(Some(&before), 1).await?.into_iter().next();
        Ok(found.filter(|intent| intent.key == key && intent.holder == Holder::Upload))
    }

    /// Asks whoever takes bytes to stop. One that makes a media of them is let be.
    async fn ask_for(&self, upload: &Resumable) -> Result<(), Error> {
        if let Some(bell) = self.takers().with(|takers| takers.get(&upload.id).cloned()) {
            bell.notify_one();
            return Ok(());
        }
        if upload.is_wanted || upload.offset_bytes() == upload.size_bytes {
            return Ok(());
        }
        let wanted = Resumable { is_wanted: true, version: upload.version + 1, ..upload.clone() };
        match self.catalog().commit(vec![Write::ReplaceUpload(wanted)]).await {
            Ok(()) | Err(CatalogError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn take_hold(&self, upload: Resumable, dead: Option<Key>) -> Result<Hold, Error> {
        let upload = Resumable {
            newest_object: upload.newest_object + 1,
            is_wanted: false,
            expires_at: self.upload_expiry(),
            version: upload.version + 1,
            ..upload
        };
        let key = upload.key(upload.newest_object).map_err(Error::internal)?;
        let mut writes = vec![Write::ReplaceUpload(upload.clone())];
        writes.extend(dead.map(|key| Write::Condemn(key, self.now())));
        let arriving = Arriving::begin_with(self, key, writes).await?;
        Ok(Hold { upload, arriving })
    }
}

/// The place by which others of this process ask a taker to stop; given up when dropped.
pub(super) struct Bell {
    service: Service,
    id: MediaId,
    pub(super) rung: Arc<Notify>,
}

impl Bell {
    pub(super) fn hang(service: &Service, id: MediaId) -> Self {
        let rung = Arc::new(Notify::new());
        service.takers().with(|takers| takers.insert(id, Arc::clone(&rung)));
        Self { service: service.clone(), id, rung }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.service.takers().with(|takers| {
            // The next one may have hung its own by now.
            if takers.get(&self.id).is_some_and(|bell| Arc::ptr_eq(bell, &self.rung)) {
                takers.remove(&self.id);
            }
        });
    }
}
