//! The state of the database, from the header of SQLite's WAL index. Every process that has the database open shares
//! the index in memory, and every commit rewrites its header.
//!
//! The file is a part of SQLite's documented format, and reading 96 bytes that are in memory is thousands of times
//! cheaper than a statement. Source: <https://www.sqlite.org/walformat.html#the_wal_index_file_format>.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vm_memory::{Bytes as _, FileOffset, MmapRegion, VolatileMemory as _};

/// The length of the header in words of four bytes. The index has two copies of it, so that a reader notices when it is
/// being written.
const HEADER: usize = 12;
const WORD: usize = size_of::<u32>();
/// The format that this code knows, in the first word.
const VERSION: u32 = 3_007_000;
/// The position of the word with the number of committed transactions.
const CHANGES: usize = 2;
/// The position of the word whose first byte says that the header is in use.
const IN_USE: usize = 3;
/// The position of the word with the number of frames in the log.
const FRAMES: usize = 4;
/// The positions of the log's two salts, which change whenever the log begins anew.
const SALTS: std::ops::Range<usize> = 8..10;

/// A view of one database's WAL index.
#[derive(Debug)]
pub(super) struct Watch {
    /// Never closed, because closing any handle of a file releases all POSIX locks that this process holds on it, and
    /// SQLite has its own there. Source: <https://www.sqlite.org/howtocorrupt.html>, 2.2.
    index: ManuallyDrop<MmapRegion>,
}

/// A state of the whole database. No transaction lies between two equal stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u32; HEADER]);

impl Watch {
    /// Opens the watch over the database at `path`. The database must be open in this process for as long as the watch
    /// is used, because the last connection that closes removes the file. No connection makes it shorter before.
    pub(super) fn over(path: &Path) -> io::Result<Self> {
        Self::of(OpenOptions::new().read(true).write(true).open(beside(path, "-shm")?)?)
    }

    /// Maps a WAL index.
    pub(super) fn of(index: File) -> io::Result<Self> {
        let index = Arc::new(index);
        // Leaks a reference, so that the file is never closed, even when it cannot be mapped.
        std::mem::forget(Arc::clone(&index));
        let index = FileOffset::from_arc(index, 0);
        let index = MmapRegion::from_file(index, 2 * HEADER * WORD).map_err(io::Error::other)?;
        Ok(Self { index: ManuallyDrop::new(index) })
    }

    /// Returns the current state; `None` when the header is being written or is not valid.
    pub(super) fn look(&self) -> Option<Stamp> {
        // SQLite writes the first copy last, so it is read first.
        let (first, second) = (self.header(0)?, self.header(HEADER)?);
        let in_use = first.0[IN_USE].to_ne_bytes()[0] == 1;
        (first == second && first.0[0] == VERSION && in_use).then_some(first)
    }

    fn header(&self, from: usize) -> Option<Stamp> {
        let index = self.index.as_volatile_slice();
        let mut words = [0; HEADER];
        for (n, word) in words.iter_mut().enumerate() {
            *word = index.load((from + n) * WORD, Ordering::Acquire).ok()?;
        }
        Some(Stamp(words))
    }
}

/// Returns the path of a file that SQLite keeps beside a database. Follows symbolic links before it appends the suffix,
/// because another name of the database must lead to the same file.
pub(super) fn beside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let mut name = path.canonicalize()?.into_os_string();
    name.push(suffix);
    Ok(name.into())
}

impl Stamp {
    /// Returns whether exactly one transaction lies between `before` and this stamp.
    pub(super) fn is_one_after(&self, before: &Self) -> bool {
        let counted = self.0[CHANGES] == before.0[CHANGES].wrapping_add(1);
        // A log that began anew or was recovered counts from another number, and then this is simply another state.
        let grown = self.0[FRAMES] > before.0[FRAMES];
        counted && grown && self.0[SALTS] == before.0[SALTS]
    }
}
