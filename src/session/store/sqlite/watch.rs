//! Whether the database has changed: one look at the header of SQLite's WAL index, which every process that has the
//! database open shares and every commit of any of them rewrites.
//!
//! That file is a part of SQLite's documented format, and reading 96 bytes of it is thousands of times cheaper than a
//! statement. Source: <https://www.sqlite.org/walformat.html#the_wal_index_file_format>.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The header stands there twice, so that a reader notices when it is being written.
const HEADER: usize = 48;
/// The format that this code knows, at the beginning.
const VERSION: u32 = 3_007_000;
/// Where the number of committed transactions stands.
const CHANGES: usize = 8;
/// Where the number of frames in the log stands.
const FRAMES: usize = 16;
/// Where the log's two salts stand, which change whenever it is begun anew.
const SALTS: std::ops::Range<usize> = 32..40;

/// A view of one database's WAL index.
#[derive(Debug)]
pub(super) struct Watch {
    /// Never closed: to close any handle of a file takes away all POSIX locks that this process holds on it, and SQLite
    /// has its own there. Source: <https://www.sqlite.org/howtocorrupt.html>, 2.2.
    index: ManuallyDrop<File>,
}

/// A state of the whole database. Two equal ones have nothing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u8; HEADER]);

impl Watch {
    /// The watch over the database at `path`, which must be open in this process for as long as the watch is used: the
    /// last connection that closes removes the file.
    pub(super) fn over(path: &Path) -> io::Result<Self> {
        let mut index = path.as_os_str().to_owned();
        index.push("-shm");
        File::open(index).map(Self::of)
    }

    /// The watch over a WAL index.
    pub(super) fn of(index: File) -> Self {
        Self { index: ManuallyDrop::new(index) }
    }

    /// The state now; `None` when it cannot be told, because it is just being written or is not what it should be.
    pub(super) fn look(&self) -> Option<Stamp> {
        let mut both = [0; 2 * HEADER];
        self.index.read_exact_at(&mut both, 0).ok()?;
        let (first, second) = both.split_first_chunk::<HEADER>()?;
        let stamp = Stamp(*first);
        (first.as_slice() == second && stamp.number(0) == VERSION && both[12] == 1).then_some(stamp)
    }
}

impl Stamp {
    /// Whether exactly one transaction lies between `before` and this.
    pub(super) fn is_one_after(&self, before: &Self) -> bool {
        let counted = self.number(CHANGES) == before.number(CHANGES).wrapping_add(1);
        // A log that was begun anew or recovered counts from elsewhere: then this is simply another state.
        let grown = self.number(FRAMES) > before.number(FRAMES);
        counted && grown && self.0[SALTS] == before.0[SALTS]
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.0.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    }
}
