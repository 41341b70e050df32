//! A stream of events, as a browser reads it.

use super::people::Person;
use super::process::PATIENCE;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Less than it takes until a server looks by itself, 7.5 s after the stream has begun. Counted from the end of what is
/// told, which a slow machine takes its time for.
pub const TOLD: Duration = Duration::from_secs(5);

/// An open stream.
pub struct Stream {
    pub answer: Response,
    text: String,
}

impl Stream {
    /// Opens one; it must be to be had.
    pub async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &EVENTS.parse().expect("one")));
        Self { answer, text: String::new() }
    }

    /// What a page of somebody who is signed in listens to. How much is left is told first of all.
    pub async fn of(person: &Person) -> Self {
        let mut stream = Self::open(person.browser.get(format!("{}/api/events", person.server))).await;
        assert_eq!(stream.name().await, "expiring");
        stream
    }

    /// The next event, by its name and its data; `None` when the stream has ended. Comments are passed over.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let block = self.block().await?;
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some((name, data)) = line("event: ").zip(line("data: ")) {
                return Some((name, serde_json::from_str(&data).expect("JSON")));
            }
            assert!(block.lines().all(|line| line.is_empty() || line.starts_with(':')), "no event: {block:?}");
        }
    }

    /// The next event's name.
    pub async fn name(&mut self) -> String {
        self.next().await.map(|(name, _)| name).unwrap_or_default()
    }

    /// Everything up to the next empty line, a heartbeat included.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            // A connection that is cut off is as good as an end.
            let part = timeout(PATIENCE, self.answer.chunk()).await.expect("a heartbeat at least").ok().flatten()?;
            self.text.push_str(str::from_utf8(&part).expect("text"));
        }
    }
}

const EVENTS: &str = "text/event-stream";
