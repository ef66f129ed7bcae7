//! What must be right at the video site's door: codes, rights, ranges and names.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;
use tonic::Code;

use crate::client::Body;
use crate::exchange::Exchanges;
use crate::material;
use crate::mill::PASSWORD;
use crate::rpc::s3image::{ImageDownloadRequest, ImageUpoadRequest};
use crate::rpc::s3video::{VideoOneRequest, VideoUpoadRequest};
use crate::rpc::user::{AuthUserRequest, RegisterRequest};
use crate::rpc::{Rpc, details};
use crate::video_site::{Stage, message, published, send_picture};

/// A uuid that nothing has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// The most bytes of a part: 4 MiB less 64 KiB.
const MOST: i64 = (4 * 1024 - 64) * 1024;

pub(crate) fn errors_carry_real_grpc_codes() {
    let stage = Stage::set(&[]);
    let rpc = &stage.rpc;
    let (uuid, _) = published(&stage, 1, 1);
    let mut exchanges = Exchanges::of("video-site");
    exchanges.word(&uuid, "uuid");
    let mut table = String::new();
    let mut told = |what: &str, status: Result<(), tonic::Status>, code: Code| {
        let status = status.expect_err(what);
        assert_eq!(status.code(), code, "{what}: {}", status.message());
        writeln!(table, "{what}\n  {:?}: {}", status.code(), status.message()).unwrap();
        assert!(status.metadata().contains_key("x-request-id"), "{what}");
    };
    let one = |uuid: &str| rpc.video_one(VideoOneRequest { uuid: uuid.to_owned() }).map(drop);
    told("VideoOne of a uuid that nothing has", one(NOBODY), Code::NotFound);
    told("VideoOne of no uuid", one("../etc"), Code::NotFound);
    let detail = |extension| rpc.video_deteil_upload(details(&uuid, extension)).map(drop);
    told("VideoDeteilUpload with the extension svg", detail("svg"), Code::InvalidArgument);
    told("VideoDeteilUpload with a path as extension", detail("/../x"), Code::InvalidArgument);
    told("VideoUpload of what is no media", rpc.upload(&[0x5a; 5000], 1).map(drop), Code::InvalidArgument);
    told("VideoUpload of nothing", rpc.upload(&[], 1).map(drop), Code::Unauthenticated);
    told(
        "VideoUpload for an account that there is not",
        rpc.upload(&[0x5a; 10], 99).map(drop),
        Code::NotFound,
    );
    told("VideoUpload for nobody", rpc.upload(&[0x5a; 10], 0).map(drop), Code::Unauthenticated);
    let huge = VideoUpoadRequest { data: vec![0; 9 << 20].into(), size: 0, id: 1 };
    told("VideoUpload in a message of 9 MiB", rpc.video_upload([huge]).map(drop), Code::ResourceExhausted);
    let picture =
        |image: &'static [u8], name: &str| ImageUpoadRequest { image: image.into(), name: name.to_owned() };
    let expected = rpc.video_deteil_upload(details(&uuid, "png")).unwrap().uuid;
    exchanges.word(&expected, "picture");
    let name = format!("{expected}.png");
    told(
        "ImageUpload of an SVG",
        rpc.image_upload(picture(b"<svg/>", &name)).map(drop),
        Code::InvalidArgument,
    );
    told("ImageUpload by another name", rpc.image_upload(picture(b"", "x.png")).map(drop), Code::NotFound);
    let two = vec![picture(b"a", &name), picture(b"b", "other.png")];
    told("ImageStreamUpload by two names", rpc.image_stream_upload(two).map(drop), Code::InvalidArgument);
    told("ImageStreamUpload of no message", rpc.image_stream_upload(vec![]).map(drop), Code::InvalidArgument);
    let words = |text: &str| text.to_owned();
    let newcomer = RegisterRequest {
        name: words("n"),
        email: words("n@mill.example"),
        role: words("admin"),
        password: words(PASSWORD),
    };
    told("RegisterUser while sign-up is off", rpc.register_user(newcomer).map(drop), Code::PermissionDenied);
    let login = || AuthUserRequest { email: words("somebody"), password: words("not it") };
    let guess = || rpc.auth_user(login()).map(|reply| assert!(!reply.isuser && reply.info.is_none()));
    (0..10).for_each(|_| guess().unwrap());
    told("AuthUser after ten wrong guesses", guess(), Code::ResourceExhausted);
    let forged = rpc.bearing("forged");
    told("any call with a wrong token", forged.upload(&[0; 10], 1).map(drop), Code::Unauthenticated);
    // The time to wait depends on how long the guesses took.
    let shown: String = table
        .split_inclusive('\n')
        .map(|line| match line.split_once("try again in ") {
            Some((before, _)) => format!("{before}try again in <seconds> s\n"),
            None => line.to_owned(),
        })
        .collect();
    exchanges.keep_text("rpc_errors", &shown);
    stage.strike();
}

pub(crate) fn uploading_or_editing_needs_the_right_on_every_route_and_rpc() {
    let stage = Stage::set(&[("REELMILL_SIGNUP", "open"), ("REELMILL_VIDEO_GRPC", "token")]);
    let (alice, guest) = (stage.member("alice"), stage.guest("greta"));
    let other = stage.member("otto");
    let number = stage.number("alice");
    let sound = material::wav_bytes(1);
    let rpc_of = |token: &str| stage.rpc.bearing(token);
    let uuid = rpc_of(&alice.token).upload(&sound, 0).unwrap();
    let expected = rpc_of(&alice.token).video_deteil_upload(details(&uuid, "png")).unwrap().uuid;
    let name = format!("{expected}.png");

    let form = json!({"uuid": uuid, "title": "taken over"});
    let picture = || ImageUpoadRequest { image: (&b"picture"[..]).into(), name: name.clone() };
    let try_all = |rpc: &Rpc, token: Option<&str>| {
        let codes = [
            rpc.upload(&sound, 0).map(drop),
            rpc.upload(&sound, number).map(drop),
            rpc.video_deteil_upload(details(&uuid, "")).map(drop),
            rpc.image_upload(picture()).map(drop),
            rpc.image_stream_upload(vec![picture()]).map(drop),
        ];
        let request = |target| {
            let request = stage.anybody("POST", target);
            match token {
                Some(token) => request.header("authorization", format!("Bearer {token}")),
                None => request,
            }
        };
        let statuses = [
            request("/api/video/detail").json(&form).status,
            send_picture(request("/api/video/thumbnail"), &name, b"picture").status,
            send_picture(request("/api/video/streamthumbnail"), &name, b"picture").status,
        ];
        (codes.map(|done| done.err().map(|status| status.code())), statuses)
    };
    let unproven = ([Some(Code::Unauthenticated); 5], [401; 3]);
    assert_eq!(try_all(&stage.rpc, None), unproven, "nobody");
    assert_eq!(try_all(&rpc_of("forged"), Some("forged")), unproven, "a forged token");
    let denied = ([Some(Code::PermissionDenied); 5], [403; 3]);
    assert_eq!(try_all(&rpc_of(&guest.token), Some(&guest.token)), denied, "a guest");
    // Another member may upload for themselves, and finds none of this.
    let (mut codes, statuses) = try_all(&rpc_of(&other.token), Some(&other.token));
    assert_eq!(codes[0].take(), None);
    let missing = Some(Code::NotFound);
    assert_eq!(
        (codes, statuses),
        ([None, Some(Code::PermissionDenied), missing, missing, missing], [404; 3])
    );
    // The owner and an admin may; what they sent is no picture.
    for (who, token) in [("alice", &alice.token), ("admin", &stage.admin.token)] {
        let (codes, statuses) = try_all(&rpc_of(token), Some(token));
        let bad_picture = Some(Code::InvalidArgument);
        assert_eq!(codes, [None, None, None, bad_picture, bad_picture], "{who}");
        assert_eq!(statuses, [200, 415, 415], "{who}");
    }
    // A cookie is no proof at this door.
    let cookie = format!("reelmill_session={}", alice.token);
    let answer = stage.anybody("POST", "/api/video/detail").header("cookie", cookie).json(&form);
    assert!(message(answer, 401).contains("Authorization"));
    stage.strike();
}

pub(crate) fn a_range_fetches_only_its_bytes_from_the_store() {
    let stage = Stage::set(&[]);
    let (uuid, bytes) = published(&stage, 1, 180);
    assert!(bytes.len() > 30_000_000);
    let name = format!("{uuid}.mp4");
    let range = 15_000_000..15_100_000;
    let target = format!("/api/video/play/{name}/0");
    // What is read is counted by the kernel, sockets and all.
    let before = read_bytes(&stage);
    let part = stage.rpc.part(&name, 15_000_000, 15_099_999).unwrap();
    let answer = stage.anybody("GET", &target).header("range", "bytes=15000000-15099999").get();
    assert_eq!((answer.status, answer.bytes()), (206, bytes[range.clone()].to_vec()));
    assert_eq!(part, bytes[range]);
    let read = read_bytes(&stage) - before;
    assert!((200_000..2_000_000).contains(&read), "{read} bytes were read for 200,000");
    stage.strike();
}

fn read_bytes(stage: &Stage) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/io", stage.mill.pid())).unwrap();
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

pub(crate) fn backward_negative_and_huge_ranges_are_refused() {
    let stage = Stage::set(&[]);
    let (uuid, bytes) = published(&stage, 1, 30);
    let (name, size) = (format!("{uuid}.mp4"), i64::try_from(bytes.len()).unwrap());
    assert!(size > MOST + 1000);
    for (first, last, code) in [
        (10, 9, Code::InvalidArgument),
        (5, 0, Code::InvalidArgument),
        (-1, 10, Code::InvalidArgument),
        (0, -1, Code::InvalidArgument),
        (i64::MIN, i64::MAX, Code::InvalidArgument),
        (0, MOST, Code::ResourceExhausted),
        (0, i64::MAX, Code::ResourceExhausted),
        (size, size, Code::OutOfRange),
        (i64::MAX, i64::MAX, Code::OutOfRange),
    ] {
        assert_eq!(stage.rpc.part(&name, first, last), Err(code), "{first} to {last}");
    }
    let most = usize::try_from(MOST).unwrap();
    assert_eq!(stage.rpc.part(&name, 0, 0).unwrap(), bytes[..1]);
    assert_eq!(stage.rpc.part(&name, 1000, 999 + MOST).unwrap(), bytes[1000..1000 + most]);
    assert_eq!(stage.rpc.part(&name, size - 7, size + 7).unwrap(), bytes[bytes.len() - 7..]);

    let target = format!("/api/video/play/{name}/{size}");
    for (range, status) in [
        ("bytes=10-9", 200),
        ("bytes=-0", 416),
        ("bytes=99999999999999999999-", 416),
        ("bytes=0-99999999999999999999", 206),
        ("bytes=--5", 200),
        ("bytes=0-,0-,0-", 200),
    ] {
        let answer = stage.anybody("GET", &target).header("range", range).get();
        assert_eq!(answer.status, status, "{range}");
    }
    stage.strike();
}

pub(crate) fn image_names_cannot_leave_their_prefix() {
    let stage = Stage::set(&[]);
    let (uuid, _) = published(&stage, 1, 1);
    let expected = stage.rpc.video_deteil_upload(details(&uuid, "png")).unwrap().uuid;
    let before = stage.site.objects().objects();
    for name in [
        format!("../movies/{uuid}.mp4"),
        format!("{uuid}.mp4"),
        format!("{expected}.png/../../movies/{uuid}.mp4"),
        format!("{expected}.PNG"),
        format!("../images/{expected}.png"),
        format!("{expected}.png\0"),
        "/etc/passwd".to_owned(),
        "..".to_owned(),
        String::new(),
    ] {
        let wish = ImageDownloadRequest { name: name.clone(), isresize: true, rewidth: 1, reheight: 1 };
        assert_eq!(
            stage.rpc.image_download(wish).map_err(|status| status.code()),
            Err(Code::NotFound),
            "{name:?}"
        );
        let sent = ImageUpoadRequest { image: (&b"\x89PNG"[..]).into(), name: name.clone() };
        assert_eq!(
            stage.rpc.image_upload(sent).map_err(|status| status.code()),
            Err(Code::NotFound),
            "{name:?}"
        );
        let target = format!("/api/image/v/{}", name.replace('/', "%2F").replace('\0', "%00"));
        assert_eq!(stage.anybody("GET", &target).get().status, 404, "{target}");
        let answer = send_picture(stage.admin.request("POST", "/api/video/thumbnail"), &name, b"\x89PNG");
        assert_eq!(answer.status, 404, "{name:?}");
    }
    assert_eq!(stage.site.objects().objects(), before);
    stage.strike();
}

pub(crate) fn resize_is_bounded() {
    let stage = Stage::set(&[]);
    let (uuid, _) = published(&stage, 1, 1);
    let expected = stage.rpc.video_deteil_upload(details(&uuid, "png")).unwrap().uuid;
    let name = format!("{expected}.png");
    let image = material::picture(stage.site.folder(), "png", "1600x1200").into();
    stage.rpc.image_upload(ImageUpoadRequest { image, name: name.clone() }).unwrap();
    let resized = |rewidth, reheight| {
        let wish = ImageDownloadRequest { name: name.clone(), isresize: true, rewidth, reheight };
        stage.rpc.image_download(wish).map(drop).map_err(|status| status.code())
    };
    assert_eq!(resized(0, 0), Ok(()));
    assert_eq!(resized(4000, 3000), Ok(()));
    for (width, height) in
        [(-1, 10), (10, -1), (8193, 1), (1, 8193), (8192, 8192), (8192, 0), (i64::MAX, 0), (0, i64::MIN)]
    {
        assert_eq!(resized(width, height), Err(Code::InvalidArgument), "{width} by {height}");
    }
    for query in
        ["width=8193", "heigh=8193", "height=99999999999", "width=-1", "width=8192&height=8192", "width=ten"]
    {
        message(stage.anybody("GET", &format!("/api/image/v/{name}?{query}")).get(), 400);
    }
    let peak_bytes = stage.mill.peak_memory_bytes();
    assert!(peak_bytes < 256 << 20, "{} MiB", peak_bytes >> 20);
    stage.strike();
}

pub(crate) fn what_is_not_published_is_seen_by_its_owner_and_admins_alone() {
    let stage = Stage::set(&[]);
    let (alice, otto) = (stage.member("alice"), stage.member("otto"));
    let sound = material::wav_bytes(1);
    let uuid = alice.upload("private.wav", &sound);
    let target = format!("/api/video/play/{uuid}.mp4/0");
    let name = format!("{uuid}.mp4");
    let seen = |token: &str| {
        let of = |rpc: &Rpc| rpc.part(&name, 0, 9).map(|part| part.len());
        let request = stage.anybody("GET", &target);
        if token.is_empty() {
            return (of(&stage.rpc), request.get().status);
        }
        let request = request.header("authorization", format!("Bearer {token}"));
        (of(&stage.rpc.bearing(token)), request.get().status)
    };
    let one = || {
        stage.rpc.video_one(VideoOneRequest { uuid: uuid.clone() }).map(drop).map_err(|status| status.code())
    };
    for (token, is_seen) in
        [("", false), (&otto.token, false), (&alice.token, true), (&stage.admin.token, true)]
    {
        assert_eq!(seen(token), if is_seen { (Ok(10), 200) } else { (Err(Code::NotFound), 404) });
    }
    assert_eq!(one(), Err(Code::NotFound));
    let form = json!({"uuid": uuid, "title": "for all"});
    alice.request("POST", "/api/video/detail").json(&form).expect(200);
    for token in ["", &otto.token] {
        assert_eq!(seen(token), (Ok(10), 200));
    }
    assert_eq!(one(), Ok(()));
    // Deleted is gone, for lists too.
    assert_eq!(alice.request("DELETE", &format!("/v1/media/{uuid}")).send(Body::Nothing).status, 204);
    assert_eq!((seen(""), one()), ((Err(Code::NotFound), 404), Err(Code::NotFound)));
    assert_eq!(stage.anybody("GET", "/api/video/list").get().expect(200), json!({"videolistobject": []}));
    stage.strike();
}

pub(crate) fn the_last_word_on_owner_and_size_counts() {
    let stage = Stage::set(&[]);
    let alice = stage.member("alice");
    let number = stage.number("alice");
    let sound = material::wav_bytes(1);
    let size = i64::try_from(sound.len()).unwrap();
    let said = |words: &[(i64, i64)]| {
        let last = words.len() - 1;
        let messages: Vec<_> = words
            .iter()
            .enumerate()
            .map(|(at, (size, id))| {
                let data = if at == last {
                    sound[1000 * at..].to_vec()
                } else {
                    sound[1000 * at..1000 * (at + 1)].to_vec()
                };
                VideoUpoadRequest { data: data.into(), size: *size, id: *id }
            })
            .collect();
        stage.rpc.video_upload(messages).map(|reply| reply.newname).map_err(|status| status.code())
    };
    let uuid = said(&[(5, 1), (size, 0), (0, number)]).unwrap();
    // It is Alice's: only her own list and the admin's have it.
    assert_eq!(alice.all("/v1/media")[0]["id"], uuid);
    assert_eq!(said(&[(size, number), (size + 1, 0), (0, 0)]), Err(Code::InvalidArgument));
    assert_eq!(said(&[(-size, number)]), Err(Code::InvalidArgument));
    assert_eq!(said(&[(size, number), (0, 77)]), Err(Code::NotFound));
    // A token's holder is no other account, whatever was said first.
    let (rpc, owner) =
        (stage.rpc.bearing(&alice.token), |id| VideoUpoadRequest { data: sound.clone().into(), size: 0, id });
    assert_eq!(rpc.video_upload([owner(0)]).map(drop).map_err(|status| status.code()), Ok(()));
    assert_eq!(alice.all("/v1/media").len(), 2, "nothing is kept of what was refused");
    stage.strike();
}
