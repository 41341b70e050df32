//! A check whether the open files are still those at their paths.
//!
//! A file that was moved, replaced or removed goes on working for the processes that have it open. Commands and the
//! next start find another file or none, so everything that this process acknowledges meanwhile is lost.

use super::watch::beside;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The database, its log and the log's index, with their identities when they were opened.
#[derive(Debug)]
pub(super) struct Files(Vec<(PathBuf, Identity)>);

/// The device and the inode of a file, which a move keeps and a copy does not.
type Identity = (u64, u64);

/// The error of a path that leads to another file, or to none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{place} is no longer the file that this process has open ({reason}): it was moved, replaced or removed, and all \
     new data is lost at the next start; put the open file back there, or stop the server before you move files"
)]
pub(super) struct Elsewhere {
    place: String,
    reason: String,
}

impl Files {
    /// Records the files of the database at `path`, which must be open.
    ///
    /// The path is kept as it is written, because a symbolic link may be changed to lead to another file.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let mut files = vec![(path.to_owned(), identity(&fs::metadata(path)?))];
        for suffix in ["-wal", "-shm"] {
            let path = beside(path, suffix)?;
            // A file system without shared memory has neither file.
            if let Ok(found) = fs::metadata(&path) {
                files.push((path, identity(&found)));
            }
        }
        Ok(Self(files))
    }

    /// Checks each path: three system calls, and no file is opened.
    pub(super) async fn still_there(&self) -> Result<(), Elsewhere> {
        for (path, known) in &self.0 {
            let reason = match tokio::fs::metadata(path).await {
                Ok(found) if identity(&found) == *known => continue,
                Ok(_) => "another file is there".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(Elsewhere { place: path.display().to_string(), reason });
        }
        Ok(())
    }
}

fn identity(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}
