//! The library of songs: asked for by a title or an address, made once, shared by all who ask.
//!
//! An operation is one asking; it points at the job of its song, and what it answers is that job's state. So a
//! song that is asked for by a hundred at once is one record, one job and one download: the catalog takes a
//! platform's id once.

use reelmill_core::ports::CatalogError;
use reelmill_core::{
    Found, Job, Kind, Operation, OperationId, Output, Role, Song, SongId, StateName, User, UserId, Write,
};

use reelmill_core::ports::Sequence;

use crate::wishes::Material;
use crate::{Caller, Error, JobWish, Service};

/// What the built-in account is called that anonymous calls of the music bot's door act as.
const AUDIO: &str = "audio";

/// Its address, by which it is known.
const AUDIO_EMAIL: &str = "audio@reelmill.invalid";

/// How often a start looks again where others are faster.
const TRIES: usize = 20;

/// The least bytes of a title that is searched for.
const LEAST_TITLE_BYTES: usize = 3;

/// The most songs that a search answers.
const MOST_SONGS: u32 = 100;

/// An operation and what became of it.
#[derive(Debug, Clone)]
pub struct OperationView {
    /// The asking.
    pub operation: Operation,
    /// Its job, the pulse as fresh as this process knows it; `None` where the job was deleted since.
    pub job: Option<Job>,
    /// Where the result is, as other programs name it; `None` where there is none, or it was deleted since.
    pub uri: Option<String>,
}

/// A song and what became of it.
#[derive(Debug, Clone)]
pub struct SongView {
    /// The song.
    pub song: Song,
    /// The job that makes it, or made it last; `None` where that was deleted since.
    pub job: Option<Job>,
    /// The result and where it is, as other programs name it.
    pub file: Option<(Output, String)>,
}

impl Service {
    /// The account that anonymous calls of the music bot's door act as. Nobody can sign in to it, and nobody's account is
    /// taken for it, whatever its name.
    pub async fn audio_caller(&self) -> Result<Caller, Error> {
        // Where somebody is called so, it goes by its address.
        for name in [AUDIO, AUDIO_EMAIL] {
            if let Some(caller) = self.known_audio_caller().await? {
                return Ok(caller);
            }
            let user = User {
                id: UserId(self.fresh_id()),
                number: self.catalog().next_number(Sequence::Users).await?,
                email: AUDIO_EMAIL.to_owned(),
                name: name.to_owned(),
                role: Role::Member,
                password_hash: None,
                epoch: 1,
                email_notifications: false,
                created_at: self.now(),
                version: 1,
            };
            match self.catalog().commit(vec![Write::AddUser(user.clone())]).await {
                Ok(()) => return Ok(Caller { user }),
                // The name is somebody's, or another call made it at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let taken = || Error::internal("the names of the anonymous account are other accounts'");
        self.known_audio_caller().await?.ok_or_else(taken)
    }

    async fn known_audio_caller(&self) -> Result<Option<Caller>, Error> {
        let user = self.catalog().user_by_login(AUDIO_EMAIL).await?;
        let is_built_in = |user: &User| user.email == AUDIO_EMAIL && user.password_hash.is_none();
        Ok(user.filter(is_built_in).map(|user| Caller { user }))
    }

    /// Asks for a song: one that is in the library is there at once, one that is being made is waited for, any other is
    /// fetched and made into what `made` says.
    ///
    /// # Errors
    /// What the source says at once: nothing found, an address that it does not take, or that it cannot be asked.
    pub async fn start_song(&self, caller: &Caller, wish: &str, made: JobWish) -> Result<Operation, Error> {
        caller.must_be_member()?;
        let found = self.find(wish).await?;
        for _ in 0..TRIES {
            match self.try_start(caller, &found, &made).await {
                // Someone asked for the same song at the same moment; look again.
                Err(error) if error.kind == Kind::Conflict => {}
                other => return other,
            }
        }
        Err(CatalogError::Conflict.into())
    }

    async fn try_start(&self, caller: &Caller, found: &Found, made: &JobWish) -> Result<Operation, Error> {
        let song = self.catalog().song_by_source(&found.id).await?;
        let view = match song {
            Some(song) => Some(self.song_view(song).await?),
            None => None,
        };
        let operation = |job| Operation {
            id: OperationId(self.fresh_id()),
            song: found.id.clone(),
            job,
            account: caller.id(),
            created_at: self.now(),
        };
        if let Some(SongView { song, job: Some(job), file }) = &view {
            let is_under_way = !job.state.name().is_over();
            if is_under_way || file.is_some() {
                let operation = operation(job.id);
                self.catalog().commit(vec![Write::AddOperation(operation.clone())]).await?;
                if !is_under_way {
                    self.count_play(song).await?;
                }
                return Ok(operation);
            }
        }
        self.begin_song(caller, found, made, view.map(|view| view.song), operation).await
    }

    /// Counts a play. One that is lost to another's at the same moment is no loss: nobody waits for a count.
    async fn count_play(&self, song: &Song) -> Result<(), Error> {
        let (plays, version) = (song.plays + 1, song.version + 1);
        match self.catalog().commit(vec![Write::ReplaceSong(Song { plays, version, ..song.clone() })]).await {
            Ok(()) | Err(CatalogError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a job for a song that is not there, and the song where it is not known.
    async fn begin_song(
        &self,
        caller: &Caller,
        found: &Found,
        wish: &JobWish,
        known: Option<Song>,
        operation: impl FnOnce(reelmill_core::JobId) -> Operation,
    ) -> Result<Operation, Error> {
        let id = known.as_ref().map_or_else(|| SongId(self.fresh_id()), |song| song.id);
        let job = self.new_job(caller.id(), &Material::Found(found, Some(id)), wish, wish.resolve()?);
        let operation = operation(job.id);
        let now = self.now();
        let song = match known {
            Some(song) => Write::ReplaceSong(Song {
                found: found.clone().or(&song.found),
                job: job.id,
                updated_at: now,
                version: song.version + 1,
                ..song
            }),
            None => Write::AddSong(Song {
                id,
                found: found.clone(),
                job: job.id,
                plays: 0,
                created_at: now,
                updated_at: now,
                version: 1,
            }),
        };
        let mut writes = self.writes_for(&job, wish);
        writes.extend([song, Write::AddOperation(operation.clone())]);
        self.catalog().commit(writes).await?;
        self.ring(job.id).await;
        Ok(operation)
    }

    /// An operation by its id and its song's. The library is shared: whoever knows both may ask.
    pub async fn operation(
        &self,
        caller: &Caller,
        id: OperationId,
        song: &str,
    ) -> Result<OperationView, Error> {
        caller.must_be_member()?;
        let view = self.operation_by_id(caller, id).await?;
        if view.operation.song == song { Ok(view) } else { Err(Error::not_found("operation")) }
    }

    /// An operation by its id alone.
    pub async fn operation_by_id(&self, caller: &Caller, id: OperationId) -> Result<OperationView, Error> {
        caller.must_be_member()?;
        let operation = self.catalog().operation(id).await?.ok_or_else(|| Error::not_found("operation"))?;
        let Some(job) = self.catalog().job(operation.job).await? else {
            return Ok(OperationView { operation, job: None, uri: None });
        };
        let view = self.view(job).await?;
        let uri = view.output.map(|output| self.objects().uri(&output.key));
        Ok(OperationView { operation, job: Some(view.job), uri })
    }

    /// A song of the library by its platform's id.
    pub async fn song(&self, caller: &Caller, source_id: &str) -> Result<SongView, Error> {
        caller.must_be_member()?;
        let song = self.catalog().song_by_source(source_id).await?;
        self.song_view(song.ok_or_else(|| Error::not_found("song"))?).await
    }

    /// The songs whose title begins with `title`, in any case.
    ///
    /// # Errors
    /// `Invalid` for less than 3 bytes.
    pub async fn songs(&self, caller: &Caller, title: &str) -> Result<Vec<SongView>, Error> {
        caller.must_be_member()?;
        let title = title.trim().to_lowercase();
        if title.len() < LEAST_TITLE_BYTES {
            return Err(Error::invalid(format!("give at least {LEAST_TITLE_BYTES} bytes of the title")));
        }
        let mut views = Vec::new();
        for song in self.catalog().songs_by_title(&title, MOST_SONGS).await? {
            views.push(self.song_view(song).await?);
        }
        Ok(views)
    }

    async fn song_view(&self, song: Song) -> Result<SongView, Error> {
        let Some(job) = self.catalog().job(song.job).await? else {
            return Ok(SongView { song, job: None, file: None });
        };
        let view = self.view(job).await?;
        let file = view.output.map(|output| {
            let uri = self.objects().uri(&output.key);
            (output, uri)
        });
        Ok(SongView { song, job: Some(view.job), file })
    }
}

impl OperationView {
    /// Whether nothing about it will change by itself any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.job.as_ref().is_none_or(|job| job.state.name().is_over())
    }

    /// Whether the song is there.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.uri.is_some() && self.job.as_ref().is_some_and(|job| job.state.name() == StateName::Done)
    }
}
