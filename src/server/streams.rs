//! The slots for event streams, which networks share.
//!
//! One network alone may have them all. When all are taken, the network with the most streams gives up its oldest one
//! for a network with fewer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// All event streams of this server. The gauge `hardtack_streams` shows their number.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The oldest stream comes first.
    streams: Vec<Stream>,
    number: u64,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    network: IpAddr,
    /// Dropped when another stream takes the slot.
    _holds: oneshot::Sender<Infallible>,
}

/// A slot, until it is dropped or another stream takes it.
#[derive(Debug)]
pub(super) struct Room {
    streams: Arc<Streams>,
    number: u64,
    held: oneshot::Receiver<Infallible>,
}

impl Streams {
    /// Creates slots for `most` streams.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// Returns whether a stream of this network can have a slot now.
    pub(super) fn has_room(&self, network: IpAddr) -> bool {
        let open = self.open();
        open.streams.len() < self.most || open.gives_way_to(network).is_some()
    }

    /// Takes a slot, if there is one.
    pub(super) fn take(self: &Arc<Self>, network: IpAddr) -> Option<Room> {
        let mut open = self.open();
        if open.streams.len() >= self.most {
            let gives_way = open.gives_way_to(network)?;
            open.streams.remove(gives_way);
            metrics::gauge!("hardtack_streams").decrement(1.0);
        }
        let (holds, held) = oneshot::channel();
        open.number += 1;
        let number = open.number;
        open.streams.push(Stream { number, network, _holds: holds });
        metrics::gauge!("hardtack_streams").increment(1.0);
        Some(Room { streams: Arc::clone(self), number, held })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No step under this lock can leave the slots half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Returns the stream that gives way to a stream of `network`, if there is one.
    fn gives_way_to(&self, network: IpAddr) -> Option<usize> {
        let mut counts = HashMap::<IpAddr, usize>::new();
        for stream in &self.streams {
            *counts.entry(stream.network).or_default() += 1;
        }
        let own = counts.get(&network).copied().unwrap_or_default();
        let (largest, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        // With one more stream, this network must not become the larger one.
        let gives_way = count > own + 1;
        self.streams.iter().position(|stream| gives_way && stream.network == largest)
    }
}

impl Room {
    /// Waits until another stream takes the slot.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent. This ends when the sender is dropped.
        (&mut self.held).await.ok();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        let before = open.streams.len();
        open.streams.retain(|stream| stream.number != self.number);
        if open.streams.len() < before {
            metrics::gauge!("hardtack_streams").decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn when_all_places_are_taken_the_largest_network_gives_up_its_oldest() {
        let [one, two] = ["203.0.113.1", "203.0.113.2"].map(|text| text.parse().expect("an address"));
        let streams = Streams::new(4);
        let mut of_one: Vec<_> = (0..4).map(|_| streams.take(one).expect("a place")).collect();
        assert!(!streams.has_room(one) && streams.take(one).is_none(), "full for itself");
        assert!(streams.has_room(two));
        let of_two: Vec<_> = (0..2).map(|_| streams.take(two).expect("a place")).collect();
        assert!(!streams.has_room(two), "both have two");
        let lost = of_one.iter_mut().map(|room| room.lost().now_or_never().is_some());
        assert_eq!(lost.collect::<Vec<_>>(), [true, true, false, false]);
        of_one.remove(0);
        assert!(!streams.has_room(two), "that place had been given away before");
        drop(of_two);
        assert!(streams.take(one).is_some());
        assert!(Streams::new(0).take(one).is_none());
    }
}
