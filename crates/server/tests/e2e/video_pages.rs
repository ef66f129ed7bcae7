//! The pages of the video site, driven in real browsers by `tests/page/videos.mjs`, and any one video watched by
//! `tests/page/watch.mjs`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::client::Body;
use crate::mill::{EMAIL, Mill, PASSWORD, Site};
use crate::session::Session;
use crate::tools;
use crate::video_site::Stage;

const MEMBER: &str = "weaver@mill.example";
const MEMBER_PASSWORD: &str = "warp and weft";

/// A picture as ffmpeg's filter `geq` draws it: red, green and blue of a place, in an expression each.
type Drawing = [&'static str; 3];

const HILLS: Drawing = [
    "if(gt(Y,560+50*sin(X/170)),24,if(gt(Y,470+70*sin(X/230+2)),52,if(gt(Y,390+60*sin(X/310+4)),110,if(lt(hypot(X-900,Y-300),90),255,250-Y/9))))",
    "if(gt(Y,560+50*sin(X/170)),52,if(gt(Y,470+70*sin(X/230+2)),84,if(gt(Y,390+60*sin(X/310+4)),118,if(lt(hypot(X-900,Y-300),90),226,190-Y/5))))",
    "if(gt(Y,560+50*sin(X/170)),48,if(gt(Y,470+70*sin(X/230+2)),88,if(gt(Y,390+60*sin(X/310+4)),130,if(lt(hypot(X-900,Y-300),90),170,150-Y/16))))",
];
const STRINGS: Drawing = [
    "30+170*exp(-pow(mod(Y+60*sin(X/400)*sin(X/97),120)-60,2)/60)",
    "34+120*exp(-pow(mod(Y+60*sin(X/400)*sin(X/97),120)-60,2)/60)",
    "60+90*exp(-pow(mod(Y+60*sin(X/400)*sin(X/97),120)-60,2)/60)",
];
const WOOD: Drawing = [
    "150+45*sin(hypot(X-300,2*Y-500)/22+sin(X/60))",
    "98+34*sin(hypot(X-300,2*Y-500)/22+sin(X/60))",
    "58+22*sin(hypot(X-300,2*Y-500)/22+sin(X/60))",
];
const LAMP: Drawing = [
    "20+225*exp(-pow(hypot(X-640,Y-560)/420,2))",
    "44+150*exp(-pow(hypot(X-640,Y-560)/380,2))",
    "60+60*exp(-pow(hypot(X-640,Y-560)/300,2))",
];

/// Videos that are there before anybody comes: title, category, seconds, and the picture of those that have one.
const SHELF: [(&str, &str, u32, Option<Drawing>); 5] = [
    ("Last light over the hills", "Travel", 83, Some(HILLS)),
    (
        "How a lamp is lit: the shortest lesson of the winter term, for those who missed it",
        "Lesson",
        27,
        Some(LAMP),
    ),
    ("Six strings, slowly", "Music", 214, Some(STRINGS)),
    ("Rehearsal, second evening", "Talk", 3725, None),
    ("Reading the grain", "Craft", 612, Some(WOOD)),
];

pub(crate) fn a_member_publishes_a_video_guests_watch_it_and_an_admin_deletes_it() {
    let site = Site::new().variable("REELMILL_SIGNUP", "open");
    // The first start makes the administrator, which it would not do where there is an account already.
    site.start().stop();
    add_member(&site);
    let mill = site.start();
    let session = mill.sign_in();
    let shelf: Vec<String> =
        SHELF.iter().enumerate().map(|(at, row)| shelve(&session, site.folder(), at, row)).collect();
    println!("{}", a_browser_watches(&mill, site.folder(), &shelf[0]));
    let film = film(site.folder());
    // The kept picture changes only where somebody asks for it: its pixels differ with every font.
    let keeps = std::env::var_os("REELMILL_KEEP_SCREENSHOT").is_some_and(|value| value == "1");
    let picture = site.folder().join("videos.png");
    let said = run(
        "videos.mjs",
        &mill,
        &picture,
        &[
            ("REELMILL_EMAIL", EMAIL),
            ("REELMILL_PASSWORD", PASSWORD),
            ("REELMILL_MEMBER", MEMBER),
            ("REELMILL_MEMBER_PASSWORD", MEMBER_PASSWORD),
            ("REELMILL_MEDIA", film.to_str().unwrap()),
        ],
    );
    println!("{said}");
    let bytes = fs::read(&picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"), "no picture");
    if keeps {
        // A page of a document loads it: 256 colours do, and take a third.
        let colours = "split[a][b];[a]palettegen=max_colors=256[c];[b][c]paletteuse=dither=sierra2_4a";
        let kept = tools::repository().join("docs/videos.png");
        ffmpeg(&["-i", picture.to_str().unwrap()], &["-vf", colours, "-compression_level", "9"], &kept);
    }
    if let Some(folder) = std::env::var_os("REELMILL_PICTURES") {
        keep_all(site.folder(), Path::new(&folder));
    }
    assert_eq!(session.all("/v1/videos").len(), SHELF.len(), "the one that was deleted is still there");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

/// Watches a published video of `mill` in a browser that nobody signed in with, by playing and jumping.
pub(crate) fn a_browser_watches(mill: &Mill, folder: &Path, id: &str) -> String {
    run("watch.mjs", mill, &folder.join("watch.png"), &[("REELMILL_VIDEO", id)])
}

/// Runs a script of `tests/page`; what it says.
fn run(script: &str, mill: &Mill, picture: &Path, settings: &[(&str, &str)]) -> String {
    let run = Command::new(tools::node().unwrap())
        .arg(tools::repository().join("crates/server/tests/page").join(script))
        .current_dir(picture.parent().unwrap())
        .env("REELMILL_URL", format!("http://{}", mill.address()))
        .env("REELMILL_SCREENSHOT", picture)
        .env("REELMILL_CHROMIUM", tools::chromium().unwrap())
        .env("REELMILL_NODE_MODULES", tools::node_modules().unwrap())
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    if !run.status.success()
        && let Some(folder) = std::env::var_os("REELMILL_PICTURES")
    {
        keep_all(picture.parent().unwrap(), Path::new(&folder));
    }
    assert!(run.status.success(), "{said}");
    said.trim_end().to_owned()
}

fn add_member(site: &Site) {
    let mut child = Command::new(tools::reelmill())
        .args(["user", "add", MEMBER, "--name", "weaver", "--password-stdin", "--data-dir"])
        .arg(site.data_dir())
        .current_dir(site.folder())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(MEMBER_PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "no member was made");
}

/// Publishes a video that shows one picture all the time, and the picture where it has one; its id.
fn shelve(session: &Session, folder: &Path, at: usize, row: &(&str, &str, u32, Option<Drawing>)) -> String {
    let (title, category, seconds, drawing) = *row;
    let still = folder.join(format!("shelf-{at}.jpg"));
    let [red, green, blue] = drawing.unwrap_or(["40", "52", "48"]);
    let paint = format!("nullsrc=size=1280x720:rate=1,format=rgb24,geq=r='{red}':g='{green}':b='{blue}'");
    ffmpeg(&["-f", "lavfi", "-i", &paint], &["-frames:v", "1", "-q:v", "3"], &still);
    let path = folder.join(format!("shelf-{at}.mp4"));
    let (seconds, pictures) = (seconds.to_string(), still.to_str().unwrap());
    ffmpeg(
        &["-loop", "1", "-framerate", "1", "-i", pictures, "-f", "lavfi", "-i", "sine=sample_rate=8000"],
        &["-t", &seconds, "-s", "640x360", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:a", "16k"],
        &path,
    );
    let id = session.upload(&format!("shelf-{at}.mp4"), &fs::read(&path).unwrap());
    let details =
        json!({"title": title, "category": category, "tags": ["shelf"], "explain": "From the shelf."});
    session.request("PUT", &format!("/v1/videos/{id}")).json(&details).expect(200);
    if drawing.is_some() {
        let picture = fs::read(&still).unwrap();
        let target = format!("/v1/videos/{id}/thumbnail");
        session.request("PUT", &target).send(Body::Bytes(&picture)).expect(200);
    }
    id
}

/// A film sent over gRPC in messages of 1 MB plays by range: the time moves, and a seek to nine tenths goes on from there.
pub(crate) fn a_video_uploaded_over_grpc_plays_by_range() {
    let stage = Stage::set(&[]);
    let folder = stage.site.folder().to_owned();
    let owner = stage.number(EMAIL);
    let uuid = stage.rpc.upload(&fs::read(film(&folder)).unwrap(), owner).unwrap();
    println!("{}", a_browser_watches(&stage.mill, &folder, &uuid).trim_end());
    stage.strike();
}

/// A film that does not fit into what a browser reads ahead: forty seconds at 4 Mbit/s.
fn film(folder: &Path) -> PathBuf {
    let path = folder.join("mill stream.mp4");
    let wave = "sin(Y/9+T+2*sin(X/35+T/3))";
    let light = "sin(X/23+Y/15-T/2)";
    let drawing = format!(
        "nullsrc=size=320x180:rate=4,format=rgb24,geq=r='48+26*{wave}+14*{light}':g='122+44*{wave}+15*{light}':b='128+48*{wave}+15*{light}',scale=1280:720:flags=bicubic,fps=20"
    );
    ffmpeg(
        &["-f", "lavfi", "-i", &drawing, "-f", "lavfi", "-i", "sine=frequency=220"],
        &[
            "-t",
            "40",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "40",
            "-b:v",
            "4M",
            "-minrate",
            "4M",
            "-maxrate",
            "4M",
            "-bufsize",
            "2M",
            "-nal-hrd",
            "cbr",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-movflags",
            "+faststart",
        ],
        &path,
    );
    path
}

fn ffmpeg(input: &[&str], output: &[&str], path: &Path) {
    let made = Command::new(tools::ffmpeg().unwrap())
        .args(["-v", "error", "-y"])
        .args(input)
        .args(output)
        .arg(path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Copies every picture that a script took to where somebody looks at them.
fn keep_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "png") {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
