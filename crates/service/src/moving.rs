//! Moves the objects: all that the catalog names, from one store to another, each proved by its hash.
//!
//! It passes over the catalog until a pass finds nothing that is new, so it may run beside a server. What is at the
//! destination and right is left alone, so one that was killed is simply begun again. The source is only read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::ports::{Catalog, CatalogError, Objects, ObjectsError};
use reelmill_core::{Collection, Key, MediaId, OutputId, Record};
use tokio::time::sleep;

/// How many records are read at once.
const PART: u32 = 256;

/// How often an object is tried where a store cannot be used for a moment, and the wait before the second time.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How many objects that could not be moved are told one by one.
const TOLD: usize = 100;

/// The collections that name objects.
const NAMING: [Collection; 3] = [Collection::Media, Collection::Outputs, Collection::Videos];

/// What the two stores are called.
const FROM: &str = "the source";
const TO: &str = "the destination";

/// A move.
pub struct Moving {
    /// What names the objects.
    pub catalog: Arc<dyn Catalog>,
    /// Where they are.
    pub from: Arc<dyn Objects>,
    /// Where they shall be.
    pub to: Arc<dyn Objects>,
    /// How many are copied at a time.
    pub at_once: usize,
}

/// What came of a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Objects copied, and proved by reading them back.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Objects that were there already, and proved.
    pub found: u64,
    /// Objects that were copied and taken back, as the catalog dropped them meanwhile.
    pub taken_back: u64,
    /// How often the catalog was read.
    pub passes: u32,
    /// Objects that are not at the destination or not right there.
    pub failed: u64,
    /// The first of them, and why.
    pub failures: Vec<(Key, String)>,
}

/// A step of a move, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// So many bytes were copied.
    Bytes(u64),
    /// An object is done with.
    Object,
}

/// An object that the catalog names.
#[derive(Debug, Clone)]
struct Named {
    key: Key,
    size_bytes: u64,
    /// Where it is known beforehand.
    blake3: Option<String>,
    by: By,
}

/// What names it.
#[derive(Debug, Clone, Copy)]
enum By {
    Media(MediaId),
    Output(OutputId),
    Picture(MediaId),
}

/// What is remembered of a key.
struct Seen {
    by: By,
    is_copied: bool,
    /// The last pass that found it named.
    pass: u32,
}

enum Verdict {
    Copied(u64),
    Found,
    /// The catalog does not name it any more.
    Dropped,
}

/// Why an object is not moved.
enum Obstacle {
    Store(&'static str, ObjectsError),
    Catalog(CatalogError),
    Wrong(String),
}

impl Moving {
    /// Moves everything, and tells `heard` of each step.
    ///
    /// # Errors
    /// Where the catalog cannot be read. What is wrong with an object is told in [`Moved::failures`].
    pub async fn run(&self, heard: impl Fn(MoveStep) + Sync) -> Result<Moved, CatalogError> {
        let (mut moved, mut seen) = (Moved::default(), HashMap::new());
        loop {
            moved.passes += 1;
            let before = seen.len();
            for collection in NAMING {
                self.pass(collection, &mut seen, &mut moved, &heard).await?;
            }
            if seen.len() == before {
                break;
            }
        }
        self.take_back(seen, &mut moved).await?;
        Ok(moved)
    }

    async fn pass(
        &self,
        collection: Collection,
        seen: &mut HashMap<Key, Seen>,
        moved: &mut Moved,
        heard: &(impl Fn(MoveStep) + Sync),
    ) -> Result<(), CatalogError> {
        let mut after = None;
        loop {
            let part = self.catalog.records(collection, after.as_deref(), PART).await?;
            let named = part.records.into_iter().filter_map(Named::of);
            let fresh: Vec<_> = named.filter(|named| see(seen, named, moved.passes)).collect();
            let mut done = stream::iter(fresh)
                .map(|named| async { (self.transfer(&named, heard).await, named.key) })
                .buffer_unordered(self.at_once.max(1));
            while let Some((verdict, key)) = done.next().await {
                heard(MoveStep::Object);
                moved.note(verdict, key, seen);
            }
            after = part.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Moves one object, in more than one try where a store cannot be used for a moment.
    async fn transfer(&self, named: &Named, heard: &(impl Fn(MoveStep) + Sync)) -> Result<Verdict, Obstacle> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.try_transfer(named, heard).await {
                // In conflict with another move, which has made it visible.
                Err(Obstacle::Store(_, error))
                    if error.is_transient() || matches!(error, ObjectsError::Conflict(_)) =>
                {
                    sleep(wait).await;
                    wait *= 2;
                }
                verdict => return verdict,
            }
        }
        self.try_transfer(named, heard).await
    }

    async fn try_transfer(
        &self,
        named: &Named,
        heard: &(impl Fn(MoveStep) + Sync),
    ) -> Result<Verdict, Obstacle> {
        let moved = match self.to.size(&named.key).await {
            Err(ObjectsError::NotFound(_)) => self.copy(named, heard).await.map(Verdict::Copied),
            Ok(size_bytes) => self.prove_found(named, size_bytes).await.map(|()| Verdict::Found),
            Err(error) => Err(Obstacle::Store(TO, error)),
        };
        match moved {
            // Deleted since the record was read, or never there.
            Err(Obstacle::Store(FROM, ObjectsError::NotFound(_))) => {
                if self.names(named.by, &named.key).await.map_err(Obstacle::Catalog)? {
                    Err(Obstacle::Wrong("the source has no such object".to_owned()))
                } else {
                    Ok(Verdict::Dropped)
                }
            }
            moved => moved,
        }
    }

    async fn prove_found(&self, named: &Named, size_bytes: u64) -> Result<(), Obstacle> {
        if size_bytes != named.size_bytes {
            let said = format!(
                "the destination has {size_bytes} bytes under this key instead of {}",
                named.size_bytes
            );
            return Err(Obstacle::Wrong(said));
        }
        let found = digest(&*self.to, named).await.map_err(|error| Obstacle::Store(TO, error))?;
        let right = match &named.blake3 {
            Some(known) => known.clone(),
            None => digest(&*self.from, named).await.map_err(|error| Obstacle::Store(FROM, error))?,
        };
        if found == right {
            Ok(())
        } else {
            Err(Obstacle::Wrong("the destination has other bytes under this key".to_owned()))
        }
    }

    async fn copy(&self, named: &Named, heard: &(impl Fn(MoveStep) + Sync)) -> Result<u64, Obstacle> {
        let from = |error| Obstacle::Store(FROM, error);
        let to = |error| Obstacle::Store(TO, error);
        let size_bytes = self.from.size(&named.key).await.map_err(from)?;
        if size_bytes != named.size_bytes {
            let said = format!("the source has {size_bytes} bytes instead of {}", named.size_bytes);
            return Err(Obstacle::Wrong(said));
        }
        // Frees what a move that was killed has left unfinished under this key.
        self.to.delete(&named.key).await.map_err(to)?;
        let mut writer = self.to.create(&named.key).await.map_err(to)?;
        let mut pieces = self.from.read(&named.key, 0..size_bytes).await.map_err(from)?;
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = pieces.try_next().await.map_err(from)? {
            hasher.update(&piece);
            let length = piece.len() as u64;
            writer.write(piece).await.map_err(to)?;
            heard(MoveStep::Bytes(length));
        }
        let hash = hasher.finalize().to_hex().to_string();
        if named.blake3.as_ref().is_some_and(|known| *known != hash) {
            return Err(Obstacle::Wrong(
                "the source's bytes are damaged: their hash is not the catalog's".to_owned(),
            ));
        }
        writer.finish().await.map_err(to)?;
        if digest(&*self.to, named).await.map_err(to)? != hash {
            self.to.delete(&named.key).await.map_err(to)?;
            return Err(Obstacle::Wrong(
                "the destination gave back other bytes than it was given".to_owned(),
            ));
        }
        Ok(size_bytes)
    }

    /// Takes away what was copied and is not named any more: nobody else would.
    async fn take_back(&self, seen: HashMap<Key, Seen>, moved: &mut Moved) -> Result<(), CatalogError> {
        let passes = moved.passes;
        for (key, seen) in seen.into_iter().filter(|(_, seen)| seen.is_copied && seen.pass < passes) {
            if self.names(seen.by, &key).await? {
                continue;
            }
            match self.to.delete(&key).await {
                Ok(()) => moved.taken_back += 1,
                Err(error) => moved
                    .fail(key, format!("it is not named any more, and the destination keeps it: {error}")),
            }
        }
        Ok(())
    }

    async fn names(&self, by: By, key: &Key) -> Result<bool, CatalogError> {
        let named = match by {
            By::Media(id) => self.catalog.media(id).await?.map(Record::Media),
            By::Output(id) => self.catalog.output(id).await?.map(Record::Output),
            By::Picture(id) => self.catalog.video(id).await?.map(Record::Video),
        };
        Ok(named.and_then(Named::of).is_some_and(|named| named.key == *key))
    }
}

impl Named {
    fn of(record: Record) -> Option<Self> {
        match record {
            Record::Media(media) => Some(Self {
                key: media.key,
                size_bytes: media.size_bytes,
                blake3: Some(media.blake3),
                by: By::Media(media.id),
            }),
            Record::Output(output) => Some(Self {
                key: output.key,
                size_bytes: output.size_bytes,
                blake3: None,
                by: By::Output(output.id),
            }),
            Record::Video(video) => {
                video.thumbnail.and_then(|thumbnail| thumbnail.picture).map(|picture| Self {
                    key: picture.key,
                    size_bytes: picture.size_bytes,
                    blake3: Some(picture.blake3),
                    by: By::Picture(video.id),
                })
            }
            _ => None,
        }
    }
}

/// Remembers that a pass found it named; whether that is the first time.
fn see(seen: &mut HashMap<Key, Seen>, named: &Named, pass: u32) -> bool {
    let mut is_fresh = false;
    let seen = seen.entry(named.key.clone()).or_insert_with(|| {
        is_fresh = true;
        Seen { by: named.by, is_copied: false, pass }
    });
    seen.pass = pass;
    is_fresh
}

impl Moved {
    fn note(&mut self, verdict: Result<Verdict, Obstacle>, key: Key, seen: &mut HashMap<Key, Seen>) {
        match verdict {
            Ok(Verdict::Copied(bytes)) => {
                self.copied += 1;
                self.copied_bytes += bytes;
                if let Some(seen) = seen.get_mut(&key) {
                    seen.is_copied = true;
                }
            }
            Ok(Verdict::Found) => self.found += 1,
            Ok(Verdict::Dropped) => {}
            Err(Obstacle::Wrong(said)) => self.fail(key, said),
            Err(Obstacle::Store(whose, error)) => self.fail(key, format!("{whose}: {error}")),
            Err(Obstacle::Catalog(error)) => self.fail(key, error.to_string()),
        }
    }

    fn fail(&mut self, key: Key, said: String) {
        self.failed += 1;
        if self.failures.len() < TOLD {
            self.failures.push((key, said));
        }
    }
}

/// BLAKE3 of an object as it is read, lower-case hex.
async fn digest(objects: &dyn Objects, named: &Named) -> Result<String, ObjectsError> {
    let mut pieces = objects.read(&named.key, 0..named.size_bytes).await?;
    let mut hasher = blake3::Hasher::new();
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(&piece);
    }
    Ok(hasher.finalize().to_hex().to_string())
}
