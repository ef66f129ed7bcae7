//! The data folder: locked by its process, and the place of what the first start makes.
//!
//! The lock is the kernel's, on an open file: it ends with the process however that ends, so a process that gets
//! it has proof that the last one is dead.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use secrecy::{ExposeSecret, SecretString};

/// The data folder's lock. The folder is this process's for as long as this is held.
pub(crate) struct Lock {
    _file: File,
}

/// Makes the folder where there is none, for its owner's eyes only. One that was there keeps its mode: it may be open to
/// others on purpose, so that is only said.
pub(crate) fn make(dir: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    let made = made.and_then(|()| openness(dir)).with_context(|| {
        format!("cannot make the data folder `{}`; give another with --data-dir", dir.display())
    })?;
    if let Some(warning) = made {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// What to say of a folder that others than its owner can look into.
fn openness(dir: &Path) -> std::io::Result<Option<String>> {
    let mode = fs::metadata(dir)?.permissions().mode() & 0o777;
    let is_open = mode & 0o077 != 0;
    Ok(is_open.then(|| {
        format!(
            "others than its owner can look into the data folder `{dir}` (mode {mode:o}): `chmod 700 {dir}` keeps them out",
            dir = dir.display()
        )
    }))
}

/// Takes the folder for this process.
pub(crate) fn lock(dir: &Path) -> anyhow::Result<Lock> {
    let path = dir.join("lock");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = open.with_context(|| format!("cannot open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            bail!(
                "the data folder `{}` is in use by another reelmill (process {}); stop that one, or give another folder \
                 with --data-dir",
                dir.display(),
                holder.trim()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
        }
    }
    // For the message above only; the lock itself is what counts.
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

/// The key that signs tokens: made once, 32 random bytes, kept for the owner's eyes only.
pub(crate) fn token_secret(dir: &Path) -> anyhow::Result<SecretString> {
    let path = dir.join("token-secret");
    for _ in 0..2 {
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 32 => return Ok(SecretString::from(text.trim())),
            Ok(_) => bail!(
                "`{}` is cut short; delete it and start again (everybody has to sign in anew)",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
        // Another process may be faster: what it made is read then.
        write_new(&path, &random_text(32)?)?;
    }
    bail!("cannot keep a key in `{}`", path.display())
}

/// Writes the first password where its owner alone can read it, and says where.
pub(crate) fn keep_first_password(dir: &Path, password: &SecretString) -> anyhow::Result<PathBuf> {
    let path = dir.join("first-password");
    // One of a start that came no further is of an account that was never made.
    let _ = fs::remove_file(&path);
    write_new(&path, password.expose_secret())?;
    Ok(path)
}

/// So many random bytes as text that is safe in a shell and a URL.
pub(crate) fn random_text(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(BASE64URL.encode(random))
}

/// Writes a file whole or not at all, where there is none.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error).with_context(|| format!("cannot write `{}`", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        let refused = lock(dir.path()).err().unwrap().to_string();
        assert!(
            refused.contains(&std::process::id().to_string()) && refused.contains("--data-dir"),
            "{refused}"
        );
        drop(first);
        assert!(lock(dir.path()).is_ok());
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_one_that_is_open_is_warned_about_and_left() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("data");
        let mode = || fs::metadata(&dir).unwrap().permissions().mode() & 0o777;
        make(&dir).unwrap();
        assert_eq!((mode(), openness(&dir).unwrap()), (0o700, None));
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
        make(&dir).unwrap();
        assert_eq!(mode(), 0o750);
        let warning = openness(&dir).unwrap().unwrap();
        assert!(warning.contains("mode 750") && warning.contains("chmod 700"), "{warning}");
    }

    #[test]
    fn the_token_secret_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = token_secret(dir.path()).unwrap();
        assert_eq!(token_secret(dir.path()).unwrap().expose_secret(), first.expose_secret());
        let mode = fs::metadata(dir.path().join("token-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(dir.path().join("token-secret"), "short").unwrap();
        assert!(token_secret(dir.path()).is_err());
    }
}
