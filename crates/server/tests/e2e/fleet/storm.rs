//! A storm over a fleet: its gateway and its workers are killed at random while uploads come in and some are cut, and
//! every job ends once, with one output and one letter.
//!
//! Dice decide who falls when. Their seed is printed, and `REELMILL_SEED` throws the same again, as far as the order
//! goes: what a process was at when it fell is up to the machine.

use std::collections::HashSet;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::engines::{Catalog, Doorbell, Engines, Objects};
use crate::client::{Answer, Body, Request};
use crate::mill::{Mill, PASSWORD, Site, until};
use crate::session::Session;
use crate::{mail, material, report, tools};

const CASE: &str = "soak::storms_of_kills_cost_no_job_and_double_no_effect";
const WORKERS: usize = 3;
/// One in so many uploads is cut midway and never comes again.
const CUT_EACH: usize = 8;
/// A killed worker's claim is seen dead after this long, and no job is given up for the kills.
const HASTE: [(&str, &str); 3] =
    [("REELMILL_LEASE", "3s"), ("REELMILL_HEARTBEAT", "1s"), ("REELMILL_MAX_ATTEMPTS", "30")];
/// How long a client tries again while its gateway is down.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long the last letters may take: a sender that was killed has its letter for the length of a lease.
const LETTERS: Duration = Duration::from_mins(4);

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
struct Dice(u64);

impl Dice {
    fn throw() -> Self {
        let told = std::env::var("REELMILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let seed = told.unwrap_or_else(|| u64::try_from(now & u128::from(u32::MAX)).unwrap());
        println!("{CASE}: seed {seed}");
        Self(seed.max(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }
}

/// The gateway and behind it the workers, each with its site.
struct Fleet {
    sites: Vec<Site>,
    mills: Vec<Option<Mill>>,
}

impl Fleet {
    fn start(engines: &Engines, email: &str) -> Self {
        let sites: Vec<Site> = (0..=WORKERS)
            .map(|_| {
                let site = engines.site().variable("REELMILL_ADMIN_EMAIL", email);
                let site = site.variable("REELMILL_ADMIN_PASSWORD", PASSWORD);
                let site = site.variable("REELMILL_NOTIFIER", &mail::notifier(mail::MAIL_PASSWORD));
                HASTE.iter().fold(site, |site, (name, value)| site.variable(name, value))
            })
            .collect();
        let mut fleet = Self { sites, mills: Vec::new() };
        fleet.mills = (0..=WORKERS).map(|one| Some(fleet.begin(one))).collect();
        fleet
    }

    fn begin(&self, one: usize) -> Mill {
        let roles = if one == 0 { "gateway,auth" } else { "converter,notification" };
        self.sites[one].start_with(&["--roles", roles])
    }

    fn fell(&mut self, one: usize) {
        self.mills[one].take().unwrap().kill();
        self.mills[one] = Some(self.begin(one));
    }

    fn gateway(&self) -> &Mill {
        self.mills[0].as_ref().unwrap()
    }
}

/// Where the gateway is at the moment, for a client who comes again until it is answered.
struct Door {
    address: Mutex<SocketAddr>,
    token: String,
}

impl Door {
    fn request<'a>(&self, method: &'a str, target: &'a str) -> Request<'a> {
        let bearer = format!("Bearer {}", self.token);
        Request::new(*self.address.lock().unwrap(), method, target).header("authorization", bearer)
    }

    /// The body of an answer of `status`; what befalls a gateway that is killed is to be tried again.
    fn ask(&self, status: u16, mut send: impl FnMut(&Self) -> io::Result<Answer>) -> Value {
        let began = Instant::now();
        loop {
            match send(self).and_then(told) {
                Ok((told, body)) if told == status => return body,
                // 409: the try before this one was taken, and its job is not written yet.
                Ok((409 | 503, _)) | Err(_) if began.elapsed() < PATIENCE => {}
                other => panic!("asked for {status} and got {other:?}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends a sound of its own and has it converted; the job's id, and how long the sound is.
    fn send(&self, number: usize) -> Sent {
        let (sound, seconds) = sound(number);
        let target = format!("/v1/media?name=storm-{number}.wav");
        let media = self.ask(201, |door| door.request("POST", &target).try_send(Body::Bytes(&sound)));
        let profile = if number.is_multiple_of(2) { "flac" } else { "mp3" };
        let wish = json!({"media_id": media["id"], "profile": profile}).to_string();
        let job = self.ask(202, |door| {
            door.request("POST", "/v1/jobs")
                .header("content-type", "application/json")
                .header("idempotency-key", format!("storm-{number}"))
                .try_send(Body::Bytes(wish.as_bytes()))
        });
        Sent { job: job["id"].as_str().unwrap().to_owned(), seconds }
    }

    /// Sends a half and goes away.
    fn cut(&self, number: usize) {
        let (sound, _) = sound(number);
        let body = Body::Sized(sound.len() as u64, &mut io::empty());
        if let Ok(mut stream) = self.request("POST", "/v1/media?name=cut.wav").open(&body) {
            // Whether the gateway is there for it or not, nothing may come of it.
            let _ = stream.write_all(&sound[..sound.len() / 2]);
        }
    }
}

struct Sent {
    job: String,
    seconds: u32,
}

fn told(answer: Answer) -> io::Result<(u16, Value)> {
    let (status, mut text) = (answer.status, String::new());
    answer.reader().read_to_string(&mut text)?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// A sound that no other is.
fn sound(number: usize) -> (Vec<u8>, u32) {
    let seconds = u32::try_from(20 + number % 31).unwrap();
    (sound_of(number, seconds), seconds)
}

/// So many seconds that begin with a number, which can be heard.
pub(crate) fn sound_of(number: usize, seconds: u32) -> Vec<u8> {
    let mut bytes = material::wav_bytes(seconds);
    for (sample, bit) in bytes[44..].chunks_exact_mut(4).take(64).zip(0..) {
        let loud: i16 = if number >> (bit / 4) & 1 == 1 { 12_000 } else { -12_000 };
        sample[..2].copy_from_slice(&loud.to_le_bytes());
    }
    bytes
}

/// Sends sounds while there are leave to, and cuts some in between; what was sent, and how many were cut.
fn send_all(door: &Door, leave: &mpsc::Receiver<usize>) -> (Vec<Sent>, usize) {
    let (mut sent, mut cut) = (Vec::new(), 0);
    for number in leave {
        if number % CUT_EACH == CUT_EACH - 1 {
            door.cut(number);
            cut += 1;
        }
        sent.push(door.send(number));
    }
    (sent, cut)
}

pub(crate) fn storms_of_kills_cost_no_job_and_double_no_effect() {
    let (jobs, kills) = if tools::is_soak() { (200, 32) } else { (20, 5) };
    let mut dice = Dice::throw();
    let engines = Engines::new(Catalog::Postgres, Objects::S3, Doorbell::RabbitMq);
    let email = format!("{}@mill.example", engines.name);
    let mut fleet = Fleet::start(&engines, &email);
    let session = Session::begin(fleet.gateway().address(), &email, PASSWORD);
    session.request("PATCH", "/v1/me").json(&json!({"email_notifications": true})).expect(200);
    let door = Door { address: Mutex::new(fleet.gateway().address()), token: session.token.clone() };

    let mut gateways = 0;
    let (sent, cut) = std::thread::scope(|scope| {
        let (give, leave) = mpsc::channel();
        let door = &door;
        let sender = scope.spawn(move || send_all(door, &leave));
        for kill in 0..kills {
            (jobs * kill / kills..jobs * (kill + 1) / kills).for_each(|number| give.send(number).unwrap());
            std::thread::sleep(Duration::from_millis(300 + dice.below(1200) as u64));
            let one = dice.below(WORKERS + 1);
            fleet.fell(one);
            if one == 0 {
                gateways += 1;
                *door.address.lock().unwrap() = fleet.gateway().address();
            }
        }
        drop(give);
        sender.join().unwrap()
    });

    let session = session.at(fleet.gateway());
    let done: Vec<Value> = sent.iter().map(|sent| session.await_done(&sent.job)).collect();
    let figure = |what: &str, count: usize| {
        report::figure(CASE, what, f64::from(u32::try_from(count).unwrap()), "", None);
    };
    figure("jobs done", done.len());
    figure("kills of workers", kills - gateways);
    figure("kills of the gateway", gateways);
    figure("uploads cut", cut);
    let attempts: u64 = done.iter().map(|job| job["attempt"].as_u64().unwrap()).sum();
    figure("attempts", usize::try_from(attempts).unwrap());
    each_has_one_output(&session, &sent, &done);
    each_has_one_letter(&email, jobs, &figure);
    nothing_is_left(&engines, &session, jobs, &figure);
    for mill in fleet.mills.into_iter().flatten() {
        mill.stop();
    }
    for site in &fleet.sites {
        assert_eq!(site.objects().partials(), Vec::<std::path::PathBuf>::new());
    }
}

fn each_has_one_output(session: &Session, sent: &[Sent], done: &[Value]) {
    let outputs: HashSet<&str> = done.iter().map(|job| job["output"]["id"].as_str().unwrap()).collect();
    assert_eq!((outputs.len(), session.all("/v1/jobs").len()), (sent.len(), sent.len()));
    let mut contents = HashSet::new();
    for (sent, job) in sent.iter().zip(done) {
        let bytes = session.output(job);
        assert_eq!(job["output"]["size_bytes"], bytes.len());
        assert_eq!(job["output"]["duration_ms"], u64::from(sent.seconds) * 1000, "{job}");
        assert!(contents.insert(blake3::hash(&bytes)), "the output of another: {job}");
    }
}

fn each_has_one_letter(email: &str, jobs: usize, figure: &impl Fn(&str, usize)) {
    let ids = |letters: &[Value]| -> HashSet<String> {
        letters.iter().map(|letter| mail::header(letter, "Message-ID").to_owned()).collect()
    };
    let letters = until("a letter of each job", LETTERS, || {
        let letters = mail::letters(email);
        (ids(&letters).len() >= jobs).then_some(letters)
    })
    .0;
    assert_eq!(ids(&letters).len(), jobs, "a job has two letters");
    let texts: HashSet<&str> =
        letters.iter().map(|letter| letter["parts"]["text/plain"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), jobs, "two letters of one job, or one of two");
    figure("copies of a letter", letters.len() - jobs);
}

/// Everything that is stored is listed, and goes with what it was listed for.
fn nothing_is_left(engines: &Engines, session: &Session, jobs: usize, figure: &impl Fn(&str, usize)) {
    // An upload whose answer was lost with the gateway is there and was sent again.
    let media = session.all("/v1/media");
    figure("uploads that were taken and sent again", media.len() - jobs);
    engines.await_stored(media.len() + jobs);
    for one in media {
        let id = one["id"].as_str().unwrap();
        assert_eq!(session.request("DELETE", &format!("/v1/media/{id}")).get().status, 204);
    }
    engines.await_stored(0);
    assert_eq!(session.all("/v1/jobs"), Vec::<Value>::new());
    figure("objects left over", engines.stored().len());
}
