//! Which processes there are, by the kernel's word.

use std::time::{Duration, Instant};

/// The processes whose command line or environment holds `text`, zombies not counted.
pub(crate) fn with(text: &str) -> Vec<u32> {
    let holds = |file: std::path::PathBuf| {
        std::fs::read(file).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if id != std::process::id()
            && (holds(entry.path().join("cmdline")) || holds(entry.path().join("environ")))
        {
            found.push(id);
        }
    }
    found
}

/// Waits until there is none any more; those that are left when it takes too long.
pub(crate) async fn left(text: &str, patience: Duration) -> Vec<u32> {
    let began = Instant::now();
    loop {
        let left = with(text);
        if left.is_empty() || began.elapsed() > patience {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until there are at least so many.
pub(crate) async fn there_are(text: &str, count: usize) {
    while with(text).len() < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
