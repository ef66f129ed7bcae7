//! Resource limits, and the capabilities of a process that runs as root.

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};

pub(super) struct Limits {
    pub(super) cpu_seconds: u64,
    pub(super) data_bytes: u64,
    pub(super) address_bytes: Option<u64>,
    pub(super) open_files: u64,
    pub(super) processes: Option<u64>,
}

/// Sets the limits, hard and soft alike, so that they can only be lowered further.
pub(super) fn enforce(limits: &Limits) -> Result<(), String> {
    let all = [
        (Resource::Cpu, Some(limits.cpu_seconds)),
        (Resource::Data, Some(limits.data_bytes)),
        (Resource::As, limits.address_bytes),
        (Resource::Nofile, Some(limits.open_files)),
        (Resource::Nproc, limits.processes),
        // A pipe is no file in this sense.
        (Resource::Fsize, Some(0)),
        (Resource::Core, Some(0)),
        // Libraries of ciphers complain where they cannot lock a few pages.
        (Resource::Memlock, Some(64 << 10)),
        (Resource::Msgqueue, Some(0)),
    ];
    for (resource, limit) in all {
        let Some(wanted) = limit else { continue };
        // A limit that is already lower cannot be raised again, and need not be.
        let given = rustix::process::getrlimit(resource).maximum.map_or(wanted, |there| there.min(wanted));
        setrlimit(resource, Rlimit { current: Some(given), maximum: Some(given) })
            .map_err(|why| format!("the limit {resource:?} = {given} is refused: {why}"))?;
    }
    Ok(())
}

/// Gives up what root may do beyond others, also for whatever this process becomes.
///
/// Nothing is lost where it fails: then this process has no such rights to begin with.
pub(super) fn drop_capabilities() {
    for capability in CapabilitySet::all().iter() {
        let _ = remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySet::empty();
    let _ = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
}
