//! An event stream, read as a browser reads it.

use super::people::Person;
use super::process::PATIENCE;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// The longest time until an event. It is shorter than the poll interval of 7.5 s, so that a poll cannot deliver the
/// event. It counts from the end of the action, which is slow on a busy machine.
pub const TOLD: Duration = Duration::from_secs(5);

/// An open stream.
pub struct Stream {
    pub answer: Response,
    text: String,
}

impl Stream {
    /// Opens a stream, which must succeed.
    pub async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &EVENTS.parse().expect("one")));
        Self { answer, text: String::new() }
    }

    /// Opens the stream of a page of a person who is signed in. The first event tells the time that is left.
    pub async fn of(person: &Person) -> Self {
        let mut stream = Self::open(person.browser.get(format!("{}/api/events", person.server))).await;
        assert_eq!(stream.name().await, "expiring");
        stream
    }

    /// Returns the name and the data of the next event, or `None` at the end of the stream. Comments are skipped.
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

    /// Returns the name of the next event.
    pub async fn name(&mut self) -> String {
        self.next().await.map(|(name, _)| name).unwrap_or_default()
    }

    /// Returns the text up to the next empty line, which may be a heartbeat.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            // A broken connection counts as the end.
            let part = timeout(PATIENCE, self.answer.chunk()).await.expect("a heartbeat at least").ok().flatten()?;
            self.text.push_str(str::from_utf8(&part).expect("text"));
        }
    }
}

const EVENTS: &str = "text/event-stream";
