//! The page at `/`, driven in a real browser by `tests/page/page.mjs`.

use std::fs;
use std::process::Command;

use crate::mill::{EMAIL, PASSWORD, Site};
use crate::tools;

pub(crate) fn somebody_signs_in_drops_a_film_and_downloads_the_song() {
    let site = Site::new();
    let mill = site.start();
    let media = tools::corpus().unwrap().join("hachoir/quicktime.mp4");
    // The kept picture changes only where somebody asks for it: its pixels differ with every font.
    let keeps = std::env::var_os("REELMILL_KEEP_SCREENSHOT").is_some_and(|value| value == "1");
    let folder = if keeps { tools::repository().join("docs") } else { site.folder().to_owned() };
    let picture = folder.join("page.png");
    fs::create_dir_all(&folder).unwrap();
    let run = Command::new(tools::node().unwrap())
        .arg(tools::repository().join("crates/server/tests/page/page.mjs"))
        .current_dir(site.folder())
        .env("REELMILL_URL", format!("http://{}", mill.address()))
        .env("REELMILL_EMAIL", EMAIL)
        .env("REELMILL_PASSWORD", PASSWORD)
        .env("REELMILL_MEDIA", media)
        .env("REELMILL_SCREENSHOT", &picture)
        .env("REELMILL_CHROMIUM", tools::chromium().unwrap())
        .env("REELMILL_NODE_MODULES", tools::node_modules().unwrap())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    println!("{}", said.trim_end());
    let bytes = fs::read(&picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"), "no picture");
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}
