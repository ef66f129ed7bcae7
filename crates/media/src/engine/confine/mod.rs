//! Giving up rights for good: what a child keeps after this, it cannot get back.
//!
//! Several layers say the same thing, so that a hole in one is not a hole: seccomp lets through only the
//! calls that are needed, Landlock closes files and network, limits bound processor time and memory, and
//! no file is open but the three pipes. seccomp is the layer that must hold: without it nothing starts.
//! The others are taken where the kernel has them, and what it has is told.

#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod seccomp;

use std::path::PathBuf;

/// What another program may use.
pub(super) struct Allowance {
    pub(super) cpu_seconds: u64,
    /// Memory that the program writes to, which its code and libraries do not count for.
    pub(super) data_bytes: u64,
    /// Files and folders that it may read beside its own libraries.
    pub(super) readable: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use rustix::process::{
        DumpableBehavior, Pid, Signal, getppid, set_dumpable_behavior, set_parent_process_death_signal,
    };

    use super::limits::Limits;
    use super::{Allowance, descriptors, landlock, limits, seccomp};

    /// An hour of decoding is minutes of processor time; this only ends what nobody watches any more.
    const DECODER_CPU_SECONDS: u64 = 3600;
    const DECODER_DATA_BYTES: u64 = 64 << 20;
    /// Everything that is mapped, the program's own file included.
    const DECODER_ADDRESS_BYTES: u64 = 1 << 30;
    /// ffmpeg opens its libraries one after the other.
    const PROGRAM_OPEN_FILES: u64 = 64;

    /// Makes this process die with `parent`.
    pub(crate) fn belong_to(parent: u64) -> Result<(), String> {
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|why| format!("the kernel does not tie a child to its parent: {why}"))?;
        // A parent that died before the call above has already been replaced by another.
        let now = getppid().map(Pid::as_raw_nonzero).map_or(0, std::num::NonZeroI32::get);
        if u64::try_from(now).is_ok_and(|now| now == parent) {
            Ok(())
        } else {
            Err("the parent is gone".into())
        }
    }

    /// Leaves this process nothing but reading its standard input, computing, and writing to its standard
    /// output and error; says what the kernel enforces of that.
    ///
    /// Any other system call kills the process. It cannot be undone, and it fails where the kernel has no
    /// seccomp.
    pub fn confine_for_decoding() -> Result<String, String> {
        // Whoever else runs as the same user is not to read a stranger's media from this memory.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let _ = rustix::thread::set_name(c"reelmill-opus");
        descriptors::close_all_but_standard();
        let landlock = landlock::enforce(&[], &[])?;
        let limits = Limits {
            cpu_seconds: DECODER_CPU_SECONDS,
            data_bytes: DECODER_DATA_BYTES,
            address_bytes: Some(DECODER_ADDRESS_BYTES),
            open_files: 0,
            processes: Some(0),
        };
        limits::enforce(&limits)?;
        limits::drop_capabilities();
        seccomp::enforce(&seccomp::for_decoding()?)?;
        Ok(format!("seccomp, {landlock}, no new privileges, no capabilities, resource limits"))
    }

    /// Leaves this process, and `program` that it is going to become, no network, no other process, nothing
    /// to write to but its pipes, and to read only its libraries and what is allowed.
    pub(crate) fn confine_for_running(program: &Path, allowance: &Allowance) -> Result<(), String> {
        descriptors::close_all_but_standard();
        landlock::enforce(&landlock::needed_by(program), &allowance.readable)?;
        let limits = Limits {
            cpu_seconds: allowance.cpu_seconds,
            data_bytes: allowance.data_bytes,
            address_bytes: None,
            open_files: PROGRAM_OPEN_FILES,
            // Threads count as processes of the whole user; seccomp refuses the processes.
            processes: None,
        };
        limits::enforce(&limits)?;
        limits::drop_capabilities();
        for filter in seccomp::for_running()? {
            seccomp::enforce(&filter)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
pub use linux::confine_for_decoding;
#[cfg(target_os = "linux")]
pub(super) use linux::{belong_to, confine_for_running};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::path::Path;

    use super::Allowance;

    const MISSING: &str = "a child is confined on Linux only";

    pub(crate) fn belong_to(_parent: u64) -> Result<(), String> {
        Err(MISSING.into())
    }

    /// Fails: this system has no seccomp.
    pub fn confine_for_decoding() -> Result<String, String> {
        Err(MISSING.into())
    }

    pub(crate) fn confine_for_running(_program: &Path, _allowance: &Allowance) -> Result<(), String> {
        Err(MISSING.into())
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::confine_for_decoding;
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{belong_to, confine_for_running};
