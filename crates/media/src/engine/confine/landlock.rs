//! Landlock: which files a child may read; no network, no other process.
//!
//! Everything that the kernel can forbid is forbidden, then single folders are opened for reading. An
//! older kernel forbids less, and says so.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

/// Where a system keeps programs, their libraries, and the loader's list of them.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/gnu/store",
    "/nix/store",
    "/dev/null",
];

/// What a program must be able to read to start: the system's libraries, itself, and those beside it.
pub(super) fn needed_by(program: &Path) -> Vec<PathBuf> {
    let mut needed: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    if let Some(folder) = real.parent().filter(|folder| folder.ends_with("bin")) {
        needed.extend(folder.parent().map(|prefix| prefix.join("lib")));
    }
    needed.push(real);
    needed
}

/// Forbids everything but running what is `runnable` and reading what is `readable`; says how much of that
/// this kernel enforces. Paths that are not there are passed over.
pub(super) fn enforce(runnable: &[PathBuf], readable: &[PathBuf]) -> Result<&'static str, String> {
    match restrict(runnable, readable) {
        Ok(RulesetStatus::FullyEnforced) => Ok("landlock (files, network, signals)"),
        Ok(RulesetStatus::PartiallyEnforced) => Ok("landlock (as far as this older kernel has it)"),
        Ok(RulesetStatus::NotEnforced) => Ok("no landlock in this kernel"),
        Err(why) => Err(format!("landlock refuses its rules: {why}")),
    }
}

fn restrict(runnable: &[PathBuf], readable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    // The newest rights that matter here: devices (5), network (4), signals and abstract sockets (6).
    let files = ABI::V5;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(files))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(runnable, AccessFs::from_read(files)))?
        .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir))?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_its_own_prefix_brings_its_libraries_and_no_folder_above() {
        let needed = needed_by(Path::new("/srv/av/bin/ffmpeg"));
        assert!(needed.contains(&PathBuf::from("/srv/av/lib")));
        assert!(needed.contains(&PathBuf::from("/srv/av/bin/ffmpeg")));
        assert!(!needed.contains(&PathBuf::from("/srv/av")));
        let needed = needed_by(Path::new("/home/someone/ffmpeg"));
        assert!(
            !needed
                .iter()
                .any(|path| path.ends_with("someone") || path.ends_with("lib") && path.starts_with("/home"))
        );
    }
}
