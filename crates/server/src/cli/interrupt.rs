//! Ctrl-C and SIGTERM: asks what runs to stop, so that it can tidy up, and ends the process where that takes long.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// A conversion stops within 100 ms; what takes longer hangs in a read or a write that cannot be interrupted.
const GRACE: Duration = Duration::from_secs(2);

/// Gives a flag that is set once the user wants to stop. From here on a signal no longer ends the process at once.
pub(super) fn watch() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Registered before the thread starts, so that no signal falls into a gap.
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
            flag.store(true, Ordering::Relaxed);
            tokio::time::sleep(GRACE).await;
        });
        std::process::exit(130);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(asked)
}
