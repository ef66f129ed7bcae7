//! A service over memory backends that tests can look into and disturb.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use reelmill_backends::catalog::MemoryCatalog;
use reelmill_backends::doorbell::EmbeddedDoorbell;
use reelmill_backends::objects::MemoryObjects;
use reelmill_core::ports::{
    ByteStream, Catalog, Conversion, Converted, Converter, ConverterError, Doorbell, Drawn, Fetch, Fetched,
    Handout, Input, JobFilter, Look, Notifier, NotifierError, ObjectWriter, Objects, ObjectsError, PageQuery,
    PictureError, Pictures, Source, SourceError, Stored,
};
use reelmill_core::{
    AudioInfo, Door, Format, Found, Intent, Job, Key, MediaInfo, Notification, Obstacle, Platform, Priority,
    Profile, Role, Settings, StateName, Timestamp,
};
use secrecy::SecretString;
use tokio::time::{Duration, sleep};

use crate::{
    Caller, Clock, Error, Ingested, JobView, JobWish, NewAccount, Options, Ports, Roles, Running, Service,
    Upload,
};

pub(super) const WORKER: Roles = Roles { converter: true, notification: true };

/// A clock that moves with the paused time of the runtime, and by hand.
pub(super) struct TestClock {
    start: tokio::time::Instant,
    skew_ms: AtomicI64,
}

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { start: tokio::time::Instant::now(), skew_ms: AtomicI64::new(0) })
    }

    pub(super) fn jump_ms(&self, ms: i64) {
        self.skew_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap();
        Timestamp::from_ms(1_700_000_000_000 + passed + self.skew_ms.load(Ordering::Relaxed))
    }
}

/// The memory store, whose keys can be listed and which can be told to fail now and then.
#[derive(Default)]
pub(super) struct Shelf {
    inner: MemoryObjects,
    visible: Arc<Mutex<BTreeSet<String>>>,
    pub(super) fault: Fault,
}

/// Fails one call in so many, by a seed.
#[derive(Default)]
pub(super) struct Fault {
    one_in: AtomicU32,
    seed: AtomicU64,
}

impl Fault {
    pub(super) fn begin(&self, one_in: u32, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.one_in.store(one_in, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.one_in.store(0, Ordering::Relaxed);
    }

    /// `SplitMix64` (Steele, Lea and Flood, 2014), one step a call.
    pub(super) fn strikes(&self) -> bool {
        let one_in = self.one_in.load(Ordering::Relaxed);
        if one_in == 0 {
            return false;
        }
        let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).is_multiple_of(u64::from(one_in))
    }
}

impl Shelf {
    pub(super) fn keys(&self) -> Vec<String> {
        self.visible.lock().unwrap().iter().cloned().collect()
    }

    fn weather(&self) -> Result<(), ObjectsError> {
        if self.fault.strikes() { Err(ObjectsError::Unavailable("struck".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Objects for Shelf {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        self.weather()?;
        let inner = self.inner.create(key).await?;
        Ok(Box::new(ShelfWriter { inner, key: key.to_string(), visible: Arc::clone(&self.visible) }))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        self.inner.size(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        self.weather()?;
        self.inner.read(key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        self.inner.presign(key, handout).await
    }

    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.weather()?;
        self.visible.lock().unwrap().remove(key.as_str());
        self.inner.delete(key).await
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        self.inner.check().await
    }
}

struct ShelfWriter {
    inner: Box<dyn ObjectWriter>,
    key: String,
    visible: Arc<Mutex<BTreeSet<String>>>,
}

#[async_trait]
impl ObjectWriter for ShelfWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        self.inner.write(bytes).await
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        self.inner.patch(offset, bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        let stored = self.inner.finish().await?;
        self.visible.lock().unwrap().insert(self.key);
        Ok(stored)
    }
}

/// An engine whose conversions do what the file says: `tone` is copied, `slow:<ms>` takes that long, `broken` is
/// damaged, `flaky:<n>` cannot be stored at the first n attempts, `crowded:<n>` finds no room at them; all else is no media.
/// `plays:<ms>`, anywhere, is how long it says that it plays.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) conversions: AtomicUsize,
    pub(super) running: AtomicUsize,
}

#[async_trait]
impl Converter for Engine {
    async fn probe(&self, input: &Input) -> Result<MediaInfo, ConverterError> {
        let text = read(input).await?;
        if text.starts_with("silent") {
            let unreadable = Some("there is no audio track".to_owned());
            return Ok(MediaInfo { container: "mp4".into(), unreadable, ..MediaInfo::default() });
        }
        if !["tone", "slow:", "broken", "flaky:", "crowded:"].iter().any(|known| text.starts_with(known)) {
            return Err(ConverterError::NotMedia("not a media file".into()));
        }
        Ok(MediaInfo {
            container: "wav".into(),
            audio: Some(AudioInfo::default()),
            duration_ms: playing_ms(&text),
            ..MediaInfo::default()
        })
    }

    fn plan(&self, info: &MediaInfo, profile: &Profile) -> Result<String, ConverterError> {
        match &info.unreadable {
            Some(reason) => Err(ConverterError::Unsupported(reason.clone())),
            None => Ok(format!("encoded: wav to {}", profile.format.extension())),
        }
    }

    async fn convert(
        &self,
        work: Conversion,
        output: &mut dyn ObjectWriter,
    ) -> Result<Converted, ConverterError> {
        let attempt = self.conversions.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        let done = self.grind(&work, attempt, output).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        done
    }

    fn writes(&self) -> Vec<Format> {
        Format::ALL.to_vec()
    }

    fn reads(&self) -> Vec<String> {
        vec!["wav".into()]
    }
}

impl Engine {
    async fn grind(
        &self,
        work: &Conversion,
        attempt: usize,
        output: &mut dyn ObjectWriter,
    ) -> Result<Converted, ConverterError> {
        let text = read(&work.input).await?;
        if text.starts_with("silent") {
            return Err(ConverterError::Unsupported("there is no audio track".into()));
        }
        if text.starts_with("broken") {
            return Err(ConverterError::Corrupt("the file ends in the middle".into()));
        }
        if number(&text, "crowded:").is_some_and(|times| (attempt as u64) < times) {
            return Err(ConverterError::Busy("others take all of the room".into()));
        }
        if number(&text, "flaky:").is_some_and(|times| (attempt as u64) < times) {
            return Err(ObjectsError::Unavailable("down".into()).into());
        }
        let steps = number(&text, "slow:").unwrap_or(0) / 50;
        for step in 0..steps {
            if work.cancel.is_cancelled() {
                return Err(ConverterError::Cancelled);
            }
            #[expect(clippy::cast_precision_loss, reason = "a test's progress")]
            (work.progress)(step as f64 / steps as f64);
            sleep(Duration::from_millis(50)).await;
        }
        output.write(Bytes::from(format!("converted {text}"))).await?;
        Ok(Converted { duration_ms: 1000, plan: "encoded".into(), notes: Vec::new() })
    }
}

/// What a text says of how long it plays, wherever it says it.
fn playing_ms(text: &str) -> Option<u64> {
    text.split(' ').find_map(|word| number(word, "plays:"))
}

fn number(text: &str, prefix: &str) -> Option<u64> {
    text.strip_prefix(prefix)?.split(' ').next()?.parse().ok()
}

async fn read(input: &Input) -> Result<String, ConverterError> {
    use futures_util::TryStreamExt;
    let pieces: Vec<Bytes> = input.objects.read(&input.key, 0..input.size_bytes).await?.try_collect().await?;
    Ok(String::from_utf8_lossy(&pieces.concat()).into_owned())
}

/// A source that finds `song <words>` and gives what the words say: `<words>` is the text that the engine then reads,
/// behind what is for the source itself. `late:<ms>` takes that long, `gone` is not there any more, `hollow` is empty, `shy:<n>` cannot be
/// reached at the first n downloads, `busy:<ms>` asks at the first to come back so much later.
#[derive(Default)]
pub(super) struct Spring {
    /// Downloads that were begun.
    pub(super) fetches: AtomicUsize,
    /// Downloads that run.
    pub(super) fetching: AtomicUsize,
    /// Titles that were asked for.
    pub(super) finds: AtomicUsize,
    pub(super) fault: Fault,
}

#[async_trait]
impl Source for Spring {
    async fn find(&self, wish: &str) -> Result<Found, SourceError> {
        self.finds.fetch_add(1, Ordering::Relaxed);
        let Some(words) = wish.strip_prefix("song ") else {
            return Err(SourceError::obstacle(Obstacle::NotFound, format!("nothing matches `{wish}`")));
        };
        Ok(Found {
            platform: Platform::Youtube,
            id: blake3::hash(words.as_bytes()).to_hex()[..11].to_owned(),
            url: format!("https://spring.example/{words}"),
            title: None,
            duration_ms: playing_ms(words),
            thumbnail_url: None,
        })
    }

    async fn fetch(&self, fetch: Fetch, output: &mut dyn ObjectWriter) -> Result<Fetched, SourceError> {
        let nth = self.fetches.fetch_add(1, Ordering::Relaxed);
        self.fetching.fetch_add(1, Ordering::Relaxed);
        let done = self.flow(fetch, nth as u64, output).await;
        self.fetching.fetch_sub(1, Ordering::Relaxed);
        done
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Spring {
    async fn flow(
        &self,
        fetch: Fetch,
        nth: u64,
        output: &mut dyn ObjectWriter,
    ) -> Result<Fetched, SourceError> {
        let words = fetch.found.url.trim_start_matches("https://spring.example/").to_owned();
        if words.starts_with("gone") {
            return Err(SourceError::obstacle(Obstacle::Removed, "it was removed"));
        }
        if self.fault.strikes() || number(&words, "shy:").is_some_and(|times| nth < times) {
            return Err(SourceError::obstacle(Obstacle::Unreachable, "the spring is dry"));
        }
        if let (0, Some(ms)) = (nth, number(&words, "busy:")) {
            let (obstacle, message) = (Obstacle::RateLimited, "asked too often".to_owned());
            return Err(SourceError::Obstacle { obstacle, message, retry_after_ms: Some(ms) });
        }
        let steps = number(&words, "late:").unwrap_or(0) / 50;
        for step in 0..steps {
            if fetch.cancel.is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            #[expect(clippy::cast_precision_loss, reason = "a test's progress")]
            (fetch.progress)(step as f64 / steps as f64);
            sleep(Duration::from_millis(50)).await;
        }
        if words.starts_with("hollow") {
            return Ok(Fetched { found: fetch.found, name: "hollow.wav".into() });
        }
        let is_ours = ["late:", "shy:", "busy:"].iter().any(|known| words.starts_with(known));
        let text = if is_ours { words.split_once(' ').map_or("tone", |(_, rest)| rest) } else { &words };
        output.write(Bytes::from(text.to_owned())).await?;
        let title = Some(format!("Title of {words}"));
        let found = Found { title, duration_ms: Some(1000), ..fetch.found };
        Ok(Fetched { found, name: format!("Title of {words}.wav") })
    }
}

/// Takes whatever begins with `picture` for a PNG of one pixel.
struct Easel;

#[async_trait]
impl Pictures for Easel {
    async fn look(&self, bytes: Bytes) -> Result<Look, PictureError> {
        if !bytes.starts_with(b"picture") {
            return Err(PictureError::NotPicture("not a picture".into()));
        }
        Ok(Look { content_type: "image/png", width_px: 1, height_px: 1 })
    }

    async fn resize(&self, bytes: Bytes, width_px: u32, height_px: u32) -> Result<Drawn, PictureError> {
        self.look(bytes).await?;
        let bytes = Bytes::from(format!("picture {width_px}x{height_px}"));
        Ok(Drawn { bytes, content_type: "image/png" })
    }
}

/// Keeps what people were told.
#[derive(Default)]
pub(super) struct Ears {
    pub(super) heard: Mutex<Vec<Notification>>,
    pub(super) fault: Fault,
    pub(super) needs_consent: AtomicBool,
    pub(super) asked: AtomicUsize,
}

#[async_trait]
impl Notifier for Ears {
    fn needs_consent(&self) -> bool {
        self.needs_consent.load(Ordering::Relaxed)
    }

    async fn notify(&self, notification: &Notification) -> Result<(), NotifierError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.fault.strikes() {
            return Err(NotifierError::Unavailable("struck".into()));
        }
        self.heard.lock().unwrap().push(notification.clone());
        Ok(())
    }

    async fn check(&self) -> Result<(), NotifierError> {
        Ok(())
    }
}

/// What several processes share, with a first one.
pub(super) struct World {
    ports: Ports,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) engine: Arc<Engine>,
    pub(super) ears: Arc<Ears>,
    pub(super) spring: Arc<Spring>,
    pub(super) clock: Arc<TestClock>,
    pub(super) service: Service,
    pub(super) alice: Caller,
    pub(super) bob: Caller,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::over(Arc::new(MemoryCatalog::default())).await
    }

    pub(super) async fn over(catalog: Arc<dyn Catalog>) -> Self {
        Self::of(catalog, Arc::new(EmbeddedDoorbell::default())).await
    }

    /// A world whose processes are woken by that doorbell.
    pub(super) async fn ringing(doorbell: Arc<dyn Doorbell>) -> Self {
        Self::of(Arc::new(MemoryCatalog::default()), doorbell).await
    }

    async fn of(catalog: Arc<dyn Catalog>, doorbell: Arc<dyn Doorbell>) -> Self {
        let clock = TestClock::new();
        let (shelf, engine) = (Arc::<Shelf>::default(), Arc::<Engine>::default());
        let (ears, spring) = (Arc::<Ears>::default(), Arc::<Spring>::default());
        let ports = Ports {
            catalog: Arc::clone(&catalog),
            objects: shelf.clone(),
            doorbell,
            converter: engine.clone(),
            notifier: ears.clone(),
            source: spring.clone(),
            pictures: Arc::new(Easel),
        };
        let service = Service::new(ports.clone(), options(), clock.clone());
        let alice = account(&service, "alice@example.com").await;
        let bob = account(&service, "bob@example.com").await;
        Self { ports, catalog, shelf, engine, ears, spring, clock, service, alice, bob }
    }

    /// Another process on the same catalog and store, with a doorbell of its own.
    pub(super) fn process(&self, options: Options) -> Service {
        self.process_with(options, Arc::new(EmbeddedDoorbell::default()))
    }

    /// Another process on the same catalog and store, woken by that doorbell.
    pub(super) fn process_with(&self, options: Options, doorbell: Arc<dyn Doorbell>) -> Service {
        Service::new(Ports { doorbell, ..self.ports.clone() }, options, self.clock.clone())
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn start(&self) -> Running {
        self.service.start(WORKER).await.unwrap()
    }

    pub(super) async fn upload(&self, text: &str) -> Result<Ingested, Error> {
        self.service.ingest(&self.alice, upload(text), None).await
    }

    pub(super) async fn convert(&self, text: &str) -> Job {
        self.service.ingest(&self.alice, upload(text), Some(wish("mp3"))).await.unwrap().job.unwrap()
    }

    pub(super) async fn wished(&self, caller: &Caller, priority: Priority, text: &str) -> Job {
        let wish = JobWish { priority, ..wish("mp3") };
        self.service.ingest(caller, upload(text), Some(wish)).await.unwrap().job.unwrap()
    }

    pub(super) async fn ended(&self, job: &Job) -> JobView {
        self.service.wait(&self.alice, job.id, Duration::from_hours(1)).await.unwrap()
    }

    pub(super) async fn until_running(&self, job: &Job) -> JobView {
        loop {
            let view = self.service.job(&self.alice, job.id).await.unwrap();
            if view.job.state.name() == StateName::Running && view.job.pulse.progress > 0.0 {
                return view;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn intents(&self) -> Vec<Intent> {
        self.catalog.intents(None, 1000).await.unwrap()
    }

    /// Lets what was begun in the background come to its end.
    pub(super) async fn settle(&self) {
        sleep(Duration::from_secs(1)).await;
    }

    /// Every key in the store is one that a media or an output names, and nothing waits to be collected.
    pub(super) async fn nothing_is_left_over(&self) {
        let all = PageQuery { limit: 1000, after: None };
        let mut named = BTreeSet::new();
        for media in self.catalog.media_page(None, all).await.unwrap().items {
            named.insert(media.key.to_string());
            for output in self.catalog.outputs_of(media.id).await.unwrap() {
                named.insert(output.key.to_string());
            }
        }
        assert_eq!(self.shelf.keys(), named.into_iter().collect::<Vec<_>>());
        assert_eq!(self.intents().await, []);
    }

    pub(super) async fn all_jobs(&self) -> Vec<Job> {
        self.catalog.jobs(JobFilter::default(), PageQuery { limit: 1000, after: None }).await.unwrap().items
    }
}

pub(super) fn options() -> Options {
    Options {
        slots: 2,
        account_slots: None,
        worker_name: "worker".into(),
        is_worker_named: false,
        movies_folder: "movies".into(),
        images_folder: "images".into(),
        lease: Duration::from_secs(15),
        heartbeat: Duration::from_secs(5),
        poll: Duration::from_secs(1),
        drain: Duration::from_secs(30),
        max_attempts: 3,
        music_attempts: 3,
        music_deadline: Duration::from_mins(4),
        fetches: 4,
        is_sign_up_open: false,
        job_deadline: Duration::from_hours(1),
        retention_jobs: None,
        retention_media: None,
        retry_base: Duration::from_secs(1),
        max_upload_bytes: 1_000_000,
        upload_idle: Duration::from_secs(30),
        upload_floor_bytes: 1024,
        password_slots: 2,
        jwt_secret: SecretString::from("a secret of at least 32 bytes, to be sure"),
        session: Duration::from_hours(24),
        sole: false,
    }
}

pub(super) async fn account(service: &Service, email: &str) -> Caller {
    let password = SecretString::from("a good password");
    let new = NewAccount { email: email.into(), name: None, role: Role::Member, password };
    Caller { user: service.add_account(new).await.unwrap() }
}

pub(super) fn upload(text: &str) -> Upload<impl futures_util::Stream<Item = Result<Bytes, Error>> + use<>> {
    let bytes = Bytes::from(text.to_owned());
    Upload { name: "song.wav".into(), declared_bytes: None, bytes: stream::iter([Ok(bytes)]) }
}

pub(super) fn wish(profile: &str) -> JobWish {
    JobWish {
        profile: profile.into(),
        overrides: Settings::default(),
        priority: Priority::Normal,
        door: Door::V1,
        submission: None,
    }
}
