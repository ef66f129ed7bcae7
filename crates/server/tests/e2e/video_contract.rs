//! The video site's contract, row by row, by gRPC and by HTTP; and the example, which is a client of another make.

use std::fmt::{self, Debug};
use std::process::Command;

use serde_json::json;
use tonic::Status;

use crate::client::Body;
use crate::exchange::Exchanges;
use crate::material;
use crate::mill::{EMAIL, PASSWORD};
use crate::rpc::healthcheck::{HealthCheckRequest, HelloRequest};
use crate::rpc::s3image::{ImageDownloadRequest, ImageUpoadRequest};
use crate::rpc::s3video::{Empty, VideoDownloadRequest, VideoOneRequest};
use crate::rpc::user::{AuthUserRequest, RegisterRequest};
use crate::rpc::{Rpc, details};
use crate::tools;
use crate::video_site::{Stage, send_picture};

/// A request that is told in words.
struct Words(&'static str);

impl Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Keeps a call as a snapshot, and gives its answer.
fn kept<A: Debug>(
    exchanges: &Exchanges,
    row: &str,
    method: &str,
    request: &dyn Debug,
    answer: Result<A, Status>,
) -> Option<A> {
    let said = match &answer {
        Ok(answer) => format!("OK\n{answer:#?}"),
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    };
    exchanges.keep_text(row, &format!("{method}\n{request:#?}\n\n{said}\n"));
    answer.ok()
}

macro_rules! call {
    ($exchanges:ident, $rpc:expr, $row:literal, $name:ident($message:expr)) => {{
        let message = $message;
        let answer = $rpc.$name(message.clone());
        kept(&$exchanges, $row, stringify!($name), &message, answer)
    }};
}

pub(crate) fn every_rpc_answers_as_the_contract_says() {
    let stage = Stage::set(&[("REELMILL_SIGNUP", "open")]);
    let rpc = &stage.rpc;
    let mut exchanges = Exchanges::of("video-site");
    let film = material::mp4(stage.site.folder(), &[]);
    exchanges.word(film.len().to_string(), "size");

    let sent = rpc.upload(&film, 1);
    let uuid = sent.clone().unwrap();
    exchanges.word(&uuid, "uuid");
    kept(&exchanges, "rpc_video_upload", "video_upload", &Words("the film, `id` 1, `size` right"), sent);
    lists_are_told(rpc, &exchanges, &uuid);
    pictures_are_told(&stage, &mut exchanges, &uuid);

    let wish =
        |startbytes, endbytes| VideoDownloadRequest { name: format!("{uuid}.mp4"), startbytes, endbytes };
    call!(exchanges, rpc, "rpc_video_download", video_download(wish(4, 7)));
    let last = i64::try_from(film.len()).unwrap() - 1;
    let end = rpc.part(&format!("{uuid}.mp4"), last - 1, last + 1000).unwrap();
    assert_eq!(end, film[film.len() - 2..], "exactly the bytes that exist");

    let login = |password: &str| AuthUserRequest { email: EMAIL.to_owned(), password: password.to_owned() };
    call!(exchanges, rpc, "rpc_auth_user", auth_user(login(PASSWORD)));
    call!(exchanges, rpc, "rpc_auth_user_wrong", auth_user(login("not it")));
    let newcomer = RegisterRequest {
        name: "newcomer".to_owned(),
        email: "newcomer@mill.example".to_owned(),
        role: "admin".to_owned(),
        password: PASSWORD.to_owned(),
    };
    call!(exchanges, rpc, "rpc_register_user", register_user(newcomer.clone()));
    call!(exchanges, rpc, "rpc_register_user_again", register_user(newcomer));
    let login = AuthUserRequest { email: "newcomer".to_owned(), password: PASSWORD.to_owned() };
    call!(exchanges, rpc, "rpc_auth_user_newcomer", auth_user(login));

    call!(exchanges, rpc, "rpc_say_hello", say_hello(HelloRequest { name: "miller".to_owned() }));
    let health = |service: &str| HealthCheckRequest { service: service.to_owned() };
    call!(exchanges, rpc, "rpc_health_check", check(health("")));
    call!(exchanges, rpc, "rpc_health_check_service", check(health("s3video.Videotransporter")));
    call!(exchanges, rpc, "rpc_health_check_unknown", check(health("no.such.Service")));
    stage.strike();
}

fn lists_are_told(rpc: &Rpc, exchanges: &Exchanges, uuid: &str) {
    call!(exchanges, rpc, "rpc_video_deteil_upload", video_deteil_upload(details(uuid, "")));
    call!(exchanges, rpc, "rpc_video_list", video_list(Empty {}));
    call!(exchanges, rpc, "rpc_video_home_list", video_home_list(Empty {}));
    call!(exchanges, rpc, "rpc_video_one", video_one(VideoOneRequest { uuid: uuid.to_owned() }));
}

fn pictures_are_told(stage: &Stage, exchanges: &mut Exchanges, uuid: &str) {
    let rpc = &stage.rpc;
    let png = material::picture(stage.site.folder(), "png", "64x48");
    for (row, extension) in [("rpc_image_upload", "png"), ("rpc_image_stream_upload", "webp")] {
        let expected = rpc.video_deteil_upload(details(uuid, extension)).unwrap().uuid;
        exchanges.word(&expected, "picture");
        let name = format!("{expected}.{extension}");
        let piece = |image: &[u8]| ImageUpoadRequest { image: image.to_vec().into(), name: name.clone() };
        let answer = match extension {
            "png" => rpc.image_upload(piece(&png)),
            _ => rpc.image_stream_upload(png.chunks(1000).map(piece).collect()),
        };
        kept(exchanges, row, &row[4..], &Words("a picture, `name` <picture>.<extension>"), answer);
        let wish =
            |isresize, rewidth| ImageDownloadRequest { name: name.clone(), isresize, rewidth, reheight: 0 };
        let (whole, small) =
            (rpc.image_download(wish(false, 10)).unwrap(), rpc.image_download(wish(true, 10)).unwrap());
        assert_eq!((sides(&whole.image), sides(&small.image)), ((64, 48), (10, 7)));
    }
    call!(exchanges, rpc, "rpc_video_home_list_with_picture", video_home_list(Empty {}));
}

/// The sides of a picture: of a JPEG, as its frame header says (ITU-T T.81, B.2.2).
pub(crate) fn sides(jpeg: &[u8]) -> (u16, u16) {
    let mut at = 2;
    while !(0xc0..=0xc2).contains(&jpeg[at + 1]) {
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
    (number(at + 7), number(at + 5))
}

pub(crate) fn every_http_row_answers_as_the_contract_says() {
    let stage = Stage::set(&[("REELMILL_SIGNUP", "open")]);
    let mut exchanges = Exchanges::of("video-site");
    let moving = ["-f", "lavfi", "-i", "testsrc=duration=2:size=64x48", "-shortest"];
    let film = material::mp4(stage.site.folder(), &moving);
    let uuid = stage.rpc.upload(&film, 1).unwrap();
    exchanges.word(&uuid, "uuid");
    exchanges.word(blake3::hash(&film).to_hex().to_string(), "blake3 of the film");
    exchanges.word(film.len().to_string(), "size");
    exchanges.word((film.len() - 500).to_string(), "size - 500");
    exchanges.word((film.len() - 1).to_string(), "size - 1");

    playback_is_told(&stage, &mut exchanges, &uuid, &film);
    changes_are_told(&stage, &mut exchanges, &uuid);
    for (row, target) in [("list", "list"), ("homelist", "homelist"), ("one", &format!("one/{uuid}"))] {
        let target = format!("/api/video/{target}");
        exchanges.keep(&format!("http_{row}"), &format!("GET {target}"), stage.anybody("GET", &target).get());
    }
    let target = "/api/video/one/00000000-0000-7000-8000-000000000000";
    exchanges.keep("http_one_unknown", &format!("GET {target}"), stage.anybody("GET", target).get());

    let form =
        json!({"name": "newcomer", "email": "newcomer@mill.example", "password": PASSWORD, "role": "admin"});
    for row in ["http_register", "http_register_again"] {
        let answer = stage.anybody("POST", "/api/user/register").json(&form);
        exchanges.keep(row, "POST /api/user/register\n\nname, email, password, role", answer);
    }
    stage.strike();
}

fn playback_is_told(stage: &Stage, exchanges: &mut Exchanges, uuid: &str, film: &[u8]) {
    // The size in the address is a lie.
    let target = format!("/api/video/play/{uuid}.mp4/7");
    let size = film.len();
    for (row, method, range, expected) in [
        ("http_play", "GET", "", Some(0..size)),
        ("http_play_head", "HEAD", "", Some(0..0)),
        ("http_play_start", "GET", "bytes=0-1023", Some(0..1024)),
        ("http_play_suffix", "GET", "bytes=-500", Some(size - 500..size)),
        ("http_play_rest", "GET", "bytes=500-", Some(500..size)),
        ("http_play_outside", "GET", "bytes=99999999-", None),
        // Of a box's type, which is text.
        ("http_play_several", "GET", "bytes=4-4,6-7", None),
    ] {
        let request = stage.anybody(method, &target);
        let (request, line) = match range {
            "" => (request, String::new()),
            _ => (request.header("range", range), format!("\nrange: {range}")),
        };
        let answer = request.get();
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        exchanges.word(kind.split_once("boundary=").map_or("", |(_, boundary)| boundary), "boundary");
        let length =
            answer.header("content-length").filter(|_| row == "http_play_several").unwrap_or_default();
        exchanges.word(length, "all of it");
        let body = exchanges.keep(row, &format!("{method} {target}{line}"), answer);
        if let Some(expected) = expected {
            assert_eq!(body, film[expected], "{row}");
        }
    }
}

fn changes_are_told(stage: &Stage, exchanges: &mut Exchanges, uuid: &str) {
    let details = |title: &str, extension: &str| {
        json!({
            "uuid": uuid, "title": title, "explain": "it turns", "category": "nature", "tags": ["mill"],
            "extension": extension, "sizeover": false
        })
    };
    let detail = |body| stage.admin.request("POST", "/api/video/detail").json(&body);
    let told = "POST /api/video/detail\nauthorization: Bearer <token>\n\n";
    exchanges.keep("http_detail", &format!("{told}no extension"), detail(details("A mill", "")));
    exchanges.keep("http_detail_refused", &format!("{told}extension svg"), detail(details("A mill", "svg")));
    let answer = stage.anybody("POST", "/api/video/detail").json(&details("A mill", ""));
    exchanges.keep("http_detail_of_nobody", "POST /api/video/detail", answer);

    let png = material::picture(stage.site.folder(), "png", "64x48");
    for (row, route) in [("http_thumbnail", "thumbnail"), ("http_streamthumbnail", "streamthumbnail")] {
        let picture = detail(details("A mill", ".png")).expect(200)["uuid"].as_str().unwrap().to_owned();
        exchanges.word(&picture, "picture");
        let target = format!("/api/video/{route}");
        let told = format!("POST {target}\nauthorization: Bearer <token>\n\nfile, name <picture>.png");
        let name = format!("{picture}.png");
        let answer = send_picture(stage.admin.request("POST", &target), &name, &png);
        exchanges.keep(row, &told, answer);
        let again = send_picture(stage.admin.request("POST", &target), &name, &png);
        assert_eq!(again.expect(200), json!({"message": "success"}), "the same picture twice");
        if route == "streamthumbnail" {
            shown_pictures_are_told(stage, exchanges, &name);
        }
    }
    let answer = send_picture(stage.admin.request("POST", "/api/video/thumbnail"), "unknown.png", &png);
    exchanges.keep(
        "http_thumbnail_unexpected",
        "POST /api/video/thumbnail\n\nfile, name unknown.png",
        answer,
    );
}

fn shown_pictures_are_told(stage: &Stage, exchanges: &mut Exchanges, name: &str) {
    let target = format!("/api/image/v/{name}");
    for (row, query, size) in [
        ("http_image", "", (64, 48)),
        ("http_image_width", "?width=10", (10, 7)),
        ("http_image_heigh", "?heigh=24", (32, 24)),
        ("http_image_height", "?height=24&width=7", (7, 24)),
        ("http_image_too_large", "?width=100000", (0, 0)),
    ] {
        let target = format!("{target}{query}");
        let answer = stage.anybody("GET", &target).get();
        let is_shown = answer.status == 200;
        if is_shown {
            // How many bytes a JPEG has is its encoder's matter.
            exchanges.word(answer.header("content-length").unwrap(), "bytes of the picture");
            exchanges.word(answer.header("etag").unwrap(), "etag");
        }
        let body = exchanges.keep(row, &format!("GET {target}"), answer);
        assert!(!is_shown || sides(&body) == size, "{row}");
    }
    let head = stage.anybody("HEAD", &target).send(Body::Nothing);
    assert_eq!((head.status, head.header("content-type")), (200, Some("image/jpeg")));
}

pub(crate) fn the_example_publishes_a_video_and_reads_it_again() {
    let stage = Stage::set(&[]);
    let film = stage.site.folder().join("film.mp4");
    std::fs::write(&film, material::mp4(stage.site.folder(), &["-t", "20", "-b:a", "320k"])).unwrap();
    material::picture(stage.site.folder(), "png", "640x480");
    let run = |words: &[&str], token: &str| {
        let output = Command::new(tools::grpc_python().unwrap())
            .arg(tools::repository().join("examples/video-site/publish.py"))
            .args(["film.mp4", "made.png", "--server", &stage.mill.address().to_string()])
            .args(words)
            .current_dir(stage.site.folder())
            .env("REELMILL_TOKEN", token)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        (
            output.status.code(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let token = stage.admin.token.clone();
    for (words, token) in [(vec!["--owner", "1"], ""), (vec![], token.as_str())] {
        let (code, said) = run(&words, token);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("downloaded, and the same"), "{said}");
    }
    let (code, said) = run(&[], "");
    assert!(code == Some(1) && said.contains("UNAUTHENTICATED: "), "{said}");
    stage.strike();
}
