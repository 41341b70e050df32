//! A certificate and a key that somebody else puts into files, and renews there.

use super::TlsError;
use super::pair::Pair;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the files are looked at. What a file system tells of changes by itself, network file systems do not.
const EVERY: Duration = Duration::from_secs(2);

/// The two files.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// What they looked like at the last look.
    seen: Stamp,
    /// What they looked like when they were last read, taken or not.
    read: Stamp,
}

/// By what a change of both is noticed, however it was made: in place, by renaming, by another symbolic link.
type Stamp = [Option<[i64; 6]>; 2];

impl Files {
    /// Reads them.
    pub(super) fn open(certificate: &Path, key: &Path) -> Result<(Self, Pair), TlsError> {
        // Before they are read: what changes meanwhile is noticed later.
        let stamp = [look(certificate), look(key)];
        let pair = Pair::read(certificate, key)?;
        if key.metadata().is_ok_and(|key| key.permissions().mode() & 0o007 != 0) {
            tracing::warn!(key = %key.display(), "tls.key can be read by everybody on this machine; run `chmod 600` on it");
        }
        Ok((Self { certificate: certificate.into(), key: key.into(), seen: stamp, read: stamp }, pair))
    }

    pub(super) const fn every() -> Duration {
        EVERY
    }

    /// Reads them again, once they have changed and rest.
    pub(super) fn renewed(&mut self) -> Result<Option<Pair>, TlsError> {
        let stamp = [look(&self.certificate), look(&self.key)];
        // Whoever renews writes one after the other; between the two they do not belong together.
        let rests = stamp == self.seen;
        self.seen = stamp;
        if !rests || stamp == self.read {
            return Ok(None);
        }
        self.read = stamp;
        Pair::read(&self.certificate, &self.key).map(Some)
    }
}

fn look(path: &Path) -> Option<[i64; 6]> {
    let file = path.metadata().ok()?;
    let inode = i64::from_ne_bytes(file.ino().to_ne_bytes());
    let size = i64::from_ne_bytes(file.size().to_ne_bytes());
    Some([inode, size, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}
