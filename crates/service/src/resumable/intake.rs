//! Bytes of an upload on their way into objects of their own.
//!
//! A part is closed and named by the record as soon as it is large enough, and when the bytes end, in whatever way: so a
//! cut loses nothing, and a kill at most one part. A last part that is small is written again in front of what
//! follows it, so that however small the portions are, parts stay few. Bytes with a checksum go into one part, which is
//! named only once the checksum is right.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reelmill_core::ports::ObjectWriter;
use reelmill_core::{Key, Kind, Phase, Resumable, UploadPart, Write};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};
use tracing::warn;

use super::turn::{Bell, Hold};
use super::{Portion, beyond, lost};
use crate::ingest::{Arriving, Pace};
use crate::{Error, Service};

/// From how many bytes on a part is closed, though more follow: what a kill may cost.
const PART_BYTES: u64 = 64 * 1024 * 1024;

/// A last part below this is written again with what follows it.
const SMALL_BYTES: u64 = 5 * 1024 * 1024;

/// How many parts an upload has at most, give or take the last: its record stays small.
const MOST_PARTS: u64 = 2000;

/// How often a part's commit is tried while others ask for the upload.
const TRIES: usize = 8;

/// Whoever takes bytes.
pub(super) struct Intake {
    service: Service,
    upload: Resumable,
    /// None once there is nothing to be held any more.
    arriving: Option<Arriving>,
    bell: Bell,
}

/// An object that is being written.
struct Filling {
    writer: Box<dyn ObjectWriter>,
    hasher: blake3::Hasher,
    size_bytes: u64,
    /// The part whose bytes it begins with, which it replaces.
    tail: Option<UploadPart>,
}

/// What comes next.
enum Next {
    Piece(Bytes),
    End,
    /// No more is taken; what came is kept where that can be.
    Stop(Error),
}

impl Filling {
    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        self.size_bytes += piece.len() as u64;
        self.hasher.update(&piece);
        Ok(self.writer.write(piece).await?)
    }

    /// How many of its bytes the record does not name yet.
    fn fresh_bytes(&self) -> u64 {
        self.size_bytes - self.tail.as_ref().map_or(0, |tail| tail.size_bytes)
    }
}

impl Intake {
    pub(super) fn of(service: &Service, hold: Hold) -> Self {
        let bell = Bell::hang(service, hold.upload.id);
        Self { service: service.clone(), upload: hold.upload, arriving: Some(hold.arriving), bell }
    }

    /// Takes the portion and gives the upload as it stands then.
    pub(super) async fn run<S>(mut self, portion: Portion<S>) -> Result<Resumable, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let mut running = portion.checksum.as_ref().map(super::Checksum::begin);
        let mut filling = None;
        let mut bytes = Box::pin(portion.bytes);
        let ended = self.fill(bytes.as_mut(), &mut filling, running.as_mut()).await?;
        if let (Some(expected), Some(running)) = (portion.checksum, running) {
            ended?;
            if running.finish() != expected {
                let detail =
                    "the bytes are not those that the checksum was made of; none was kept, send them again";
                return Err(Error::new(Kind::Invalid, "checksum-mismatch", detail));
            }
            self.keep(filling, false).await?;
        } else {
            self.keep(filling, false).await?;
            ended?;
        }
        Ok(self.upload)
    }

    /// Fills parts until the bytes end; what is not named by the record yet stays in `filling`. The inner error is why the
    /// bytes ended early.
    async fn fill<S>(
        &mut self,
        mut bytes: Pin<&mut S>,
        filling: &mut Option<Filling>,
        mut running: Option<&mut super::checksum::Running>,
    ) -> Result<Result<(), Error>, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let mut pace = Pace::new(&self.service);
        let mut look = interval(self.service.options().heartbeat);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let piece = match self.next(bytes.as_mut(), &mut look).await? {
                Next::Piece(piece) => piece,
                Next::End => return Ok(Ok(())),
                Next::Stop(error) => return Ok(Err(error)),
            };
            let is_slow = pace.count(piece.len() as u64).is_err();
            let fresh = filling.as_ref().map_or(0, Filling::fresh_bytes);
            let room = self.upload.size_bytes - self.upload.offset_bytes() - fresh;
            if piece.len() as u64 > room {
                return Err(beyond(&self.upload));
            }
            if self.arriving.as_ref().is_none_or(Arriving::is_lost) {
                return Err(lost());
            }
            if let Some(running) = running.as_deref_mut() {
                running.update(&piece);
            }
            let part = match &mut *filling {
                Some(part) => part,
                None => filling.insert(self.begin_part().await?),
            };
            let is_last = piece.len() as u64 == room;
            part.write(piece).await?;
            if is_slow {
                return Ok(Err(self.too_slow()));
            }
            if running.is_none() && !is_last && part.size_bytes >= PART_BYTES.max(self.small_bytes()) {
                self.keep(filling.take(), true).await?;
            }
            pace.resume();
        }
    }

    async fn next<S>(&self, mut bytes: Pin<&mut S>, look: &mut Interval) -> Result<Next, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let silent_at = Instant::now() + self.service.options().upload_idle;
        loop {
            tokio::select! {
                biased;
                () = self.bell.rung.notified() => return Ok(Next::Stop(lost())),
                _ = look.tick() => {
                    if self.is_wanted().await? {
                        return Ok(Next::Stop(lost()));
                    }
                }
                piece = timeout_at(silent_at, bytes.next()) => return Ok(match piece {
                    Ok(Some(Ok(piece))) => Next::Piece(piece),
                    Ok(None) => Next::End,
                    Ok(Some(Err(error))) => Next::Stop(Error { detail: cut_detail(), ..error }),
                    Err(_) => Next::Stop(self.too_slow()),
                }),
            }
        }
    }

    /// Whether another process waits for the upload.
    async fn is_wanted(&self) -> Result<bool, Error> {
        match self.service.catalog().upload(self.upload.id).await {
            Ok(Some(upload)) if self.is_ours(&upload) => Ok(upload.is_wanted),
            Ok(_) => Err(lost()),
            Err(error) => {
                warn!(upload.id = %self.upload.id, %error, "whether an upload is wanted could not be looked up");
                Ok(false)
            }
        }
    }

    fn is_ours(&self, upload: &Resumable) -> bool {
        upload.phase == Phase::Open && upload.newest_object == self.upload.newest_object
    }

    /// Begins the object that is on record, with the last part's bytes where there are few.
    async fn begin_part(&self) -> Result<Filling, Error> {
        let writer = self.service.objects().create(&self.newest_key()?).await?;
        let mut filling = Filling { writer, hasher: blake3::Hasher::new(), size_bytes: 0, tail: None };
        let tail = self.upload.parts.last().filter(|part| part.size_bytes < self.small_bytes());
        if let Some(tail) = tail {
            let key = self.upload.key(tail.object).map_err(Error::internal)?;
            let mut bytes = self.service.objects().read(&key, 0..tail.size_bytes).await?;
            while let Some(piece) = bytes.next().await {
                filling.write(piece?).await?;
            }
            filling.tail = Some(tail.clone());
        }
        Ok(filling)
    }

    /// Closes a part and has the record name it, in the commit that takes its intent, and begins the next one's where
    /// bytes go on. Where it cannot be, the part is discarded.
    async fn keep(&mut self, filling: Option<Filling>, goes_on: bool) -> Result<(), Error> {
        let Some(Filling { writer, hasher, size_bytes, tail }) = filling else { return Ok(()) };
        let stored = writer.finish().await?;
        let part = UploadPart {
            object: self.upload.newest_object,
            size_bytes,
            blake3: Some(hasher.finalize().to_hex().to_string()),
            fid: stored.fid,
        };
        let replaced = tail.map(|tail| self.upload.key(tail.object).map_err(Error::internal)).transpose()?;
        for _ in 0..TRIES {
            let upload = self.service.catalog().upload(self.upload.id).await?;
            let upload = upload.filter(|upload| self.is_ours(upload)).ok_or_else(lost)?;
            match self.name(upload, part.clone(), replaced.as_ref(), goes_on).await {
                Ok(()) => {
                    if let Some(replaced) = &replaced {
                        self.service.delete_condemned(replaced).await;
                    }
                    return Ok(());
                }
                // Somebody asked for the upload since it was read.
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(lost())
    }

    async fn name(
        &mut self,
        mut upload: Resumable,
        part: UploadPart,
        replaced: Option<&Key>,
        goes_on: bool,
    ) -> Result<(), Error> {
        if replaced.is_some() {
            upload.parts.pop();
        }
        upload.parts.push(part);
        if upload.parts.len() > 1 {
            for part in &mut upload.parts {
                (part.blake3, part.fid) = (None, None);
            }
        }
        upload.version += 1;
        upload.newest_object += u64::from(goes_on);
        upload.expires_at = self.service.upload_expiry();
        let mut writes = vec![Write::ReplaceUpload(upload.clone()), Write::TakeIntent(self.newest_key()?)];
        writes.extend(replaced.map(|key| self.service.condemned(key)));
        let next = if goes_on {
            let key = upload.key(upload.newest_object).map_err(Error::internal)?;
            Some(Arriving::begin_with(&self.service, key, writes).await?)
        } else {
            self.service.catalog().commit(writes).await?;
            None
        };
        if let Some(named) = std::mem::replace(&mut self.arriving, next) {
            named.arrived();
        }
        self.upload = upload;
        Ok(())
    }

    fn newest_key(&self) -> Result<Key, Error> {
        self.upload.key(self.upload.newest_object).map_err(Error::internal)
    }

    /// Below how many bytes a last part is written again.
    fn small_bytes(&self) -> u64 {
        SMALL_BYTES.max(self.upload.size_bytes.div_ceil(MOST_PARTS))
    }

    fn too_slow(&self) -> Error {
        let detail = format!(
            "the upload is too slow: fewer than {} bytes came in {} s; what came is kept, go on with it",
            self.service.options().upload_floor_bytes,
            self.service.options().upload_idle.as_secs()
        );
        Error::new(Kind::Timeout, "too-slow", detail)
    }
}

fn cut_detail() -> String {
    "the connection ended before the bytes did; ask for the upload's offset and go on there".to_owned()
}
