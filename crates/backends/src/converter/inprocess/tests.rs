//! What the converter adds to the port's promises: a bound on probes, so that they cannot take every thread.

use std::time::Duration;

use bytes::Bytes;
use reelmill_core::ports::Objects;

use super::*;
use crate::converter::ScratchSpace;
use crate::objects::FileObjects;

/// A second of silence in 8 bits at 8 kHz.
fn wav() -> Bytes {
    let mut file = Vec::new();
    file.extend(*b"RIFF");
    file.extend(8036_u32.to_le_bytes());
    file.extend(*b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend([8000_u32.to_le_bytes(), 8000_u32.to_le_bytes()].concat());
    file.extend([1, 0, 8, 0]);
    file.extend(*b"data");
    file.extend(8000_u32.to_le_bytes());
    file.resize(8044, 128);
    file.into()
}

#[test]
fn probes_leave_the_store_a_thread_to_answer_with() {
    // One thread more than probes take: without a bound, all threads would be probes that wait for a file to be read.
    let threads = probes_at_once() + 1;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).max_blocking_threads(threads).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let objects: Arc<dyn Objects> = Arc::new(FileObjects::open(folder.path().into()).await.unwrap());
        let key: reelmill_core::Key = "media/a".parse().unwrap();
        let mut writer = objects.create(&key).await.unwrap();
        writer.write(wav()).await.unwrap();
        let size_bytes = writer.finish().await.unwrap().size_bytes;

        let converter = InProcessConverter::default();
        let input = Input { objects, key, size_bytes, name: "a.wav".to_owned() };
        let probes = (0..threads * 8).map(|_| converter.probe(&input));
        let probes = futures_util::future::try_join_all(probes);
        let found = tokio::time::timeout(Duration::from_mins(1), probes).await;
        let found = found.expect("probes and the store wait for each other").unwrap();
        assert!(found.iter().all(|info| info.duration_ms == Some(1000)), "{found:?}");
    });
}

#[tokio::test]
async fn a_scratch_folder_that_cannot_be_used_is_told_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let scratch = ScratchSpace { folder: file.path().join("within"), max_bytes: 1 };
    let refused = crate::converter::open("inprocess:", &scratch).await.err().unwrap().to_string();
    assert!(refused.starts_with("cannot write to the scratch folder "), "{refused}");
}
