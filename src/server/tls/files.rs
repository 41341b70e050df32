//! A certificate and a key in files, which another program renews.

use super::TlsError;
use super::pair::Pair;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The interval at which the files are checked. Network file systems do not notify of changes, so this polls.
const EVERY: Duration = Duration::from_secs(2);

/// The two files, and their last known state.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The state at the last check.
    seen: Stamp,
    /// The state when the files were last read, whether they were accepted or not.
    read: Stamp,
    /// The error of the last read, if it may pass while the files stay unchanged.
    passing: Option<String>,
}

/// The metadata that shows a change of the files, however it was made: in place, by renaming, by another symbolic link.
type Stamp = [Option<[i64; 6]>; 2];

impl Files {
    /// Reads both files.
    pub(super) fn open(certificate: &Path, key: &Path) -> Result<(Self, Pair), TlsError> {
        // Before the files are read, so that a change meanwhile is noticed later.
        let stamp = [look(certificate), look(key)];
        let pair = Pair::read(certificate, key)?;
        if key.metadata().is_ok_and(|key| key.permissions().mode() & 0o007 != 0) {
            tracing::warn!(key = %key.display(), "tls.key can be read by all users of this machine; run `chmod 600` on it");
        }
        Ok((Self { certificate: certificate.into(), key: key.into(), seen: stamp, read: stamp, passing: None }, pair))
    }

    pub(super) const fn every() -> Duration {
        EVERY
    }

    /// Reads the files again when they have changed and are at rest, and while the last error may pass. Such an error
    /// is returned once.
    pub(super) fn renewed(&mut self) -> Result<Option<Pair>, TlsError> {
        let stamp = [look(&self.certificate), look(&self.key)];
        // A renewal writes one file after the other, and in between they do not belong together.
        let rests = stamp == self.seen;
        self.seen = stamp;
        let same = stamp == self.read;
        if !rests || (same && self.passing.is_none()) {
            return Ok(None);
        }
        let told = self.passing.take().filter(|_| same);
        self.read = stamp;
        let error = match Pair::read(&self.certificate, &self.key) {
            Ok(pair) => return Ok(Some(pair)),
            Err(error) => error,
        };
        if matches!(error, TlsError::NotYet { .. } | TlsError::File { .. }) {
            self.passing = Some(error.to_string());
            if told == self.passing {
                return Ok(None);
            }
        }
        Err(error)
    }
}

fn look(path: &Path) -> Option<[i64; 6]> {
    let file = path.metadata().ok()?;
    let inode = i64::from_ne_bytes(file.ino().to_ne_bytes());
    let size = i64::from_ne_bytes(file.size().to_ne_bytes());
    Some([inode, size, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::time::{Instant, UNIX_EPOCH};

    #[test]
    fn a_certificate_that_does_not_hold_yet_is_told_once_and_taken_when_it_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("server.cert"), folder.path().join("server.key"));
        let pair = KeyPair::generate().expect("a key");
        std::fs::write(&key, pair.serialize_pem()).expect("written");
        let make = |begins: Duration| {
            let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
            params.not_before = date_time_ymd(1970, 1, 1) + begins;
            let made = params.self_signed(&pair).expect("a certificate");
            std::fs::write(&certificate, made.pem()).expect("written");
        };
        make(Duration::ZERO);
        let (mut files, _) = Files::open(&certificate, &key).expect("fit");
        make(UNIX_EPOCH.elapsed().expect("after 1970") + Duration::from_secs(10));
        assert!(files.renewed().expect("not read before it rests").is_none());
        let error = files.renewed().expect_err("not yet");
        assert!(matches!(error, TlsError::NotYet { .. }), "{error}");
        assert!(files.renewed().expect("told").is_none());
        let deadline = Instant::now() + Duration::from_secs(60);
        while files.renewed().expect("told").is_none() {
            assert!(Instant::now() < deadline, "never taken");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(files.renewed().expect("taken").is_none());
        // Invalid content does not become valid by itself.
        std::fs::write(&certificate, "").expect("written");
        assert!(files.renewed().expect("not read before it rests").is_none());
        files.renewed().expect_err("empty");
        assert!(files.renewed().expect("told").is_none());
    }
}
