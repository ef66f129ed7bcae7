//! Each contract's own variables, and its example script: with them and where the engines are, the service runs in the
//! place of the one that the contract was made by, beside programs of others that read the same engines.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::engines::{Catalog, Doorbell, Engines, Objects, address, ask, mysql, server};
use crate::fountain::{Fountain, VIDEO};
use crate::mill::{Mill, Site, until};
use crate::{converter_contract, material, music, tasks_client, tasks_contract, tools};

/// A site with these variables alone.
fn site(variables: &[(&str, &str)]) -> Site {
    variables.iter().fold(Site::new().without_variables(), |site, (name, value)| site.variable(name, value))
}

/// Adds an account by the command line, with the site's variables.
fn add_account(variables: &[(&str, &str)], site: &Site, email: &str) {
    use std::io::Write as _;
    let mut adding = Command::new(tools::reelmill())
        .args(["user", "add", email, "--password-stdin", "--data-dir"])
        .arg(site.data_dir())
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    writeln!(adding.stdin.take().unwrap(), "{}", tasks_client::PASSWORD).unwrap();
    assert!(adding.wait().unwrap().success());
}

fn said(run: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

pub(crate) fn the_bots_variables_run_it_on_dynamodb_and_s3() {
    let fountain = Fountain::start();
    let engines = Engines::new(Catalog::DynamoDb, Objects::S3, Doorbell::Embedded);
    let (songs, operations) = (format!("{}-songs", engines.name), format!("{}-operations", engines.name));
    let variables = [
        ("BUCKET_NAME", engines.name.as_str()),
        ("REGION", "us-east-1"),
        ("YOUTUBE_API_KEY", "AIza-stand-in"),
        ("DYNAMODB_TABLE_NAME_SONGS", &songs),
        ("DYNAMODB_TABLE_NAME_OPERATION", &operations),
        ("ACCESS_KEY", "reelmill"),
        ("SECRET_KEY", "reelmill-secret"),
        ("GIN_MODE", "release"),
        ("AWS_ENDPOINT_URL_S3", &server("S3")),
        ("AWS_ENDPOINT_URL_DYNAMODB", &server("DYNAMODB")),
        // The world outside is stood in for.
        ("REELMILL_YOUTUBE_API_BASE", &fountain.url("/youtube")),
        ("REELMILL_SOURCES_ALLOW_HOSTS", &fountain.host()),
    ];
    let site = site(&variables);
    let mill = site.start();
    let song = fountain.url("/sound/my%20song.wav?seconds=2");
    let run = music::script(&mill, &[&song]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(said(&run).starts_with(&format!("s3://{}/audio/", engines.name)), "{}", said(&run));

    // Another program reads the library and the operations as the contract lays them out.
    let stored: Value =
        serde_json::from_str(&ask("song", &[&server("DYNAMODB"), &songs, &server("S3")])).unwrap();
    assert_eq!(stored["magic"], "DCA1", "{stored}");
    let asked = music::start(&mill, &song);
    let last = music::await_success(&mill, &asked);
    let item = ask("operation", &[&server("DYNAMODB"), &operations, &asked.operation, &asked.id]);
    let item: Value = serde_json::from_str(&item).unwrap();
    for (theirs, ours) in
        [("Status", "status"), ("Message", "message"), ("Data", "data"), ("Success", "success")]
    {
        assert_eq!(item[theirs], last["status"][ours], "{theirs}: {item} {last}");
    }
    // A song whose download fails says so there, too.
    let broken = music::start(&mill, VIDEO);
    let failed = music::await_end(&mill, &broken);
    let item = ask("operation", &[&server("DYNAMODB"), &operations, &broken.operation, &broken.id]);
    let item: Value = serde_json::from_str(&item).unwrap();
    assert_eq!(
        (&item["Status"], &failed["status"]["status"]),
        (&json!("failed"), &json!("failed")),
        "{item}"
    );
    mill.stop();
}

pub(crate) fn the_converters_variables_run_it_on_mysql_rabbitmq_and_gridfs() {
    let engines = Engines::new(Catalog::MySql, Objects::GridFs, Doorbell::RabbitMq);
    let name = &engines.name;
    let password = "p@ss/w:ord";
    mysql(&format!(
        "CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'; GRANT ALL ON {name}.* TO '{name}'@'%'"
    ));
    let (host, port) = address("MYSQL");
    let (video, mp3) = (format!("{name}-video"), format!("{name}-mp3"));
    let variables = [
        ("MYSQL_HOST", host.as_str()),
        ("MYSQL_USER", name),
        ("MYSQL_PASSWORD", password),
        ("MYSQL_DB", name),
        ("MYSQL_PORT", &port),
        ("JWT_SECRET", "what all processes of this converter sign with"),
        ("VIDEO_QUEUE", &video),
        ("MP3_QUEUE", &mp3),
        ("MONGO_URL", &server("GRIDFS")),
        ("RABBITMQ_URL", &server("AMQP")),
    ];
    let site = site(&variables);
    let (email, word) = ("zoe@converter.example", tasks_client::PASSWORD);
    add_account(&variables, &site, email);
    // Somebody else's program tells people; ours does the rest.
    let mill = site.start_with(&["--roles", "gateway,auth,converter"]);
    fs::write(site.folder().join("talk.mp4"), material::mp4(site.folder(), &[])).unwrap();
    let run = converter_contract::script_of(&mill, site.folder(), email, word, &["talk.mp4", "talk.mp3"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));

    let message: Value = serde_json::from_str(&ask("queue_take", &[&server("AMQP"), &mp3])).unwrap();
    let body = &message["body"];
    assert_eq!((&body["username"], &message["delivery_mode"]), (&json!(email), &json!(2)), "{message}");
    let fid = body["mp3_fid"].as_str().unwrap();
    assert!(fid.len() == 24 && body["video_fid"].as_str().is_some_and(|fid| fid.len() == 24), "{body}");
    let read = ask("gridfs_read", &[&server("GRIDFS"), "mp3s", fid]);
    let read: Value = serde_json::from_str(&read).unwrap();
    let song = fs::read(site.folder().join("talk.mp3")).unwrap();
    assert_eq!(read["sha256"], sha256(&song));

    // A message of another gateway's: the same upload once more is the same job.
    let again = json!({"video_fid": body["video_fid"], "mp3_fid": null, "username": email}).to_string();
    ask("queue_put", &[&server("AMQP"), &video, &again]);
    let stranger = json!({"video_fid": "650000000000000000000000", "mp3_fid": null, "username": email});
    ask("queue_put", &[&server("AMQP"), &video, &stranger.to_string()]);
    let dead = format!("{video}.dead");
    let set_aside: Value = serde_json::from_str(&ask("queue_take", &[&server("AMQP"), &dead])).unwrap();
    assert_eq!(set_aside["body"]["video_fid"], stranger["video_fid"]);
    let session = crate::session::Session::begin(mill.address(), email, word);
    assert_eq!(session.all("/v1/jobs").len(), 1);
    let id = session.all("/v1/media")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(session.request("DELETE", &format!("/v1/media/{id}")).get().status, 204);
    mill.stop();
    ask("queue_drop", &[&server("AMQP"), &video, &mp3, &dead, &format!("{mp3}.dead")]);
    mysql(&format!("DROP USER '{name}'@'%'"));
}

pub(crate) fn the_sites_variables_run_it_on_mysql_and_s3() {
    let engines = Engines::new(Catalog::MySql, Objects::S3, Doorbell::Embedded);
    let name = &engines.name;
    mysql(&format!("CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'; GRANT ALL ON {name}.* TO '{name}'@'%'"));
    let (host, port) = address("MYSQL");
    let host = format!("{host}:{port}");
    let variables = [
        ("HOST", host.as_str()),
        ("DBNAME", name),
        ("USERNAME", name),
        ("PASSWORD", "secret"),
        ("S3_ACCESS_KEY", "reelmill"),
        ("S3_SECRET_KEY", "reelmill-secret"),
        ("S3_REGION", "us-east-1"),
        ("S3_ENDPOINT", &server("S3")),
        ("S3_BUCKET", name),
        ("S3_PATH_IMG", "site/img"),
        ("S3_PATH_MOVIE", "site/movie"),
        ("ADMIN_EMAIL", "admin@site.example"),
    ];
    let site = site(&variables);
    let mill = site.start();
    fs::write(site.folder().join("film.mp4"), material::mp4(site.folder(), &["-t", "20", "-b:a", "320k"]))
        .unwrap();
    material::picture(site.folder(), "png", "640x480");
    let run = Command::new(tools::grpc_python().unwrap())
        .arg(tools::repository().join("examples/video-site/publish.py"))
        .args(["film.mp4", "made.png", "--server", &mill.address().to_string(), "--owner", "1"])
        .current_dir(site.folder())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(said(&run).contains("downloaded, and the same"), "{}", said(&run));
    let stored = engines.stored();
    let lies = |folder: &str, extension: &str| {
        stored.iter().filter(|key| key.starts_with(folder) && key.ends_with(extension)).count()
    };
    assert_eq!((stored.len(), lies("site/movie/", ".mp4"), lies("site/img/", "")), (2, 1, 1), "{stored:?}");
    mill.stop();
    mysql(&format!("DROP USER '{name}'@'%'"));
}

pub(crate) fn the_tasks_variables_run_them_on_postgres_gcs_and_pubsub() {
    let engines = Engines::new(Catalog::Postgres, Objects::Gcs, Doorbell::PubSub);
    let name = &engines.name;
    let url = engines.catalog_url().unwrap().replace("postgres://", "postgresql+psycopg2://");
    let host = |name: &str| server(name).trim_start_matches("http://").to_owned();
    let variables = [
        ("PROJECT_ID", name.as_str()),
        ("BUCKET_NAME", name),
        ("DATABASE_URL", &url),
        ("PUBSUB_EMULATOR_HOST", &host("PUBSUB")),
        ("STORAGE_EMULATOR_HOST", &server("GCS")),
        ("REELMILL_SIGNUP", "open"),
    ];
    let site = site(&variables);
    let mill = site.start();
    fs::write(site.folder().join("my song.wav"), tasks_client::tone(7, 40_000)).unwrap();
    let run = tasks_contract::script(&mill, site.folder(), &["my song.wav", "flac", "song.flac"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(fs::read(site.folder().join("song.flac")).unwrap().starts_with(b"fLaC"));
    await_nothing(&engines, mill);
}

fn await_nothing(engines: &Engines, mill: Mill) {
    engines.await_stored(0);
    mill.stop();
}

fn sha256(bytes: &[u8]) -> String {
    let folder = tools::scratch();
    let file = folder.path().join("bytes");
    fs::write(&file, bytes).unwrap();
    let sum = until("a sum", std::time::Duration::from_secs(10), || {
        Command::new("sha256sum").arg(&file).output().ok().filter(|run| run.status.success())
    });
    String::from_utf8(sum.0.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
