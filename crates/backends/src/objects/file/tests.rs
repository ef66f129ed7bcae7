//! What is the file system's own: leftovers of dead processes, modes, what a check leaves.

use std::os::unix::fs::PermissionsExt;

use futures_util::TryStreamExt;

use super::*;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn unfinished(root: &Path) -> Vec<PathBuf> {
    let processes = std::fs::read_dir(root.join(".partial")).unwrap().map(|entry| entry.unwrap().path());
    let files = processes.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("lock")).collect()
}

async fn begin(store: &FileObjects, name: &str) -> Box<dyn ObjectWriter> {
    let mut writer = store.create(&key(name)).await.unwrap();
    writer.write(Bytes::from(vec![7; 300_000])).await.unwrap();
    writer
}

#[tokio::test]
async fn what_a_dead_process_left_behind_is_gone_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileObjects::open(folder.path().into()).await.unwrap();
    // A folder that nobody has locked is what a killed process leaves.
    let dead = folder.path().join(".partial/dead");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    std::fs::write(dead.join("half"), "half an object").unwrap();
    let living = begin(&store, "a").await;

    let other = FileObjects::open(folder.path().into()).await.unwrap();
    assert!(!dead.exists());
    assert_eq!(unfinished(folder.path()).len(), 1, "the living one's was taken away");
    living.finish().await.unwrap();
    assert_eq!(other.size(&key("a")).await.unwrap(), 300_000);
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_no_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileObjects::open(folder.path().into()).await.unwrap();
    begin(&store, "a").await.finish().await.unwrap();
    drop(store);
    let left: Vec<_> = std::fs::read_dir(folder.path().join(".partial")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn an_objects_uri_leads_to_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a b#c/ñ%41+");
    std::fs::create_dir_all(&inner).unwrap();
    // By a link and `..`, which are taken in another order by who reads a URI.
    std::os::unix::fs::symlink(&inner, folder.path().join("link")).unwrap();
    let store = FileObjects::open(folder.path().join("link/../store")).await.unwrap();
    for name in ["media/0193", "El Día ?/1 2.dca", "100%25#+", ".hidden"] {
        begin(&store, name).await.finish().await.unwrap();
        let uri = store.uri(&key(name));
        let path = path::root(uri.strip_prefix("file:").unwrap(), Path::new("")).unwrap();
        assert!(
            path.components().all(|part| part.as_os_str() != ".." && part.as_os_str() != "link"),
            "{uri}"
        );
        assert_eq!(path.metadata().unwrap().len(), 300_000, "{uri}");
    }
}

#[tokio::test]
async fn a_file_that_was_cut_is_seen_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileObjects::open(folder.path().into()).await.unwrap();
    begin(&store, "a").await.finish().await.unwrap();
    let stream = store.read(&key("a"), 0..300_000).await.unwrap();
    let file = File::options().write(true).open(store.place(&key("a"))).unwrap();
    file.set_len(1000).unwrap();
    let read: Result<Vec<Bytes>, _> = stream.try_collect().await;
    assert!(matches!(read, Err(ObjectsError::Corrupt(_))), "{read:?}");
}

/// Every file and folder below `folder`.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let with_inner =
        |path: PathBuf| if path.is_dir() { [all_below(&path), vec![path]].concat() } else { vec![path] };
    entries.flat_map(with_inner).collect()
}

#[tokio::test]
async fn objects_and_their_folders_are_their_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileObjects::open(folder.path().join("deep/store")).await.unwrap();
    begin(&store, "media/a").await.finish().await.unwrap();
    let _unfinished = begin(&store, "media/b").await;
    let all = all_below(folder.path());
    assert!(all.len() >= 8, "{all:?}");
    for path in all {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}: {mode:o}", path.display());
    }
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_any_more_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileObjects::open(folder.path().into()).await.unwrap();
    let checked = || all_below(&folder.path().join("check+"));
    let mut was_left_midway = false;
    for _ in 0..100 {
        let written = async {
            while checked().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            done = store.check() => done.unwrap(),
            () = written => was_left_midway = true,
        }
        // Whoever still works on the store holds it.
        while Arc::strong_count(&store.root) > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(checked(), Vec::<PathBuf>::new());
    }
    assert!(was_left_midway, "the object was never seen");
}
