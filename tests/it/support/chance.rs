//! Random choices that can be repeated: the seed is printed, and `TEST_SEED` sets it.

use std::time::Duration;

/// A pseudorandom generator for tests, which must not be used for secrets.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Uses the seed of the environment, or a new one. A failing test has the seed in its output.
    pub fn new(what: &str) -> Self {
        let given = std::env::var("TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("random numbers"));
        println!("{what}: TEST_SEED={seed}");
        Self(seed)
    }

    /// Returns another generator, whose choices do not depend on the order of calls.
    pub fn fork(&self, number: usize) -> Self {
        let mut fork = Self(self.0 ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        fork.next();
        fork
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("small")
    }

    /// Returns one of these values.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Returns a duration below `end`, in whole microseconds.
    pub fn span(&mut self, end: Duration) -> Duration {
        let micros = usize::try_from(end.as_micros()).expect("short");
        Duration::from_micros(self.below(micros.max(1)) as u64)
    }

    /// The next number by Splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
