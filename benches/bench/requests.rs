//! Requests per second and CPU per request: over HTTP, each server in a separate process, all rows in one run.
//!
//! The rows take turns in rounds, and each shows its median round, so that other load on the machine affects all rows
//! alike.

use super::load::{Client, Expect, get};
use super::report::{Aim, Report, ratio, whole};
use super::server::{SEVEN, Server, TOWER};
use super::stores::{Place, Stores};
use super::{Scope, progress, usage};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The number of sessions that the requests use.
const SESSIONS: usize = 1_000;

/// A kind of request.
struct Kind {
    name: &'static str,
    path: &'static str,
    cookies: Cookies,
    expect: Expect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cookies {
    None,
    One,
    Many,
}

const BARE: &str = "bare route, no layer";
const ANONYMOUS: &str = "no cookie";
const UNUSED: &str = "cookie, session not used";
const READ: &str = "read";

const KINDS: [Kind; 7] = [
    Kind { name: BARE, path: "/bare", cookies: Cookies::None, expect: Expect::Text(SEVEN) },
    Kind { name: ANONYMOUS, path: "/plain", cookies: Cookies::None, expect: Expect::Text(SEVEN) },
    Kind { name: UNUSED, path: "/plain", cookies: Cookies::Many, expect: Expect::Text(SEVEN) },
    Kind { name: READ, path: "/read", cookies: Cookies::Many, expect: Expect::Text(SEVEN) },
    Kind { name: "write", path: "/write", cookies: Cookies::Many, expect: Expect::Number },
    Kind { name: "update", path: "/update", cookies: Cookies::Many, expect: Expect::Number },
    Kind { name: "update, all of one session", path: "/update", cookies: Cookies::One, expect: Expect::Number },
];

/// The kinds and stores of the aim. The differences are small, so these kinds are measured more often.
const CLOSER: [&str; 4] = [BARE, ANONYMOUS, UNUSED, READ];
const AIMED_AT: [&str; 2] = ["memory", "sqlite"];

/// A server with its samples.
struct Subject {
    place: Place,
    server: Server,
    client: Client,
    requests: Vec<Vec<Vec<u8>>>,
    counts: Vec<Vec<u8>>,
    samples: BTreeMap<&'static str, Vec<Sample>>,
    /// The number of answered updates, by kind of request.
    updates: BTreeMap<&'static str, usize>,
    failure: Option<String>,
}

#[derive(Clone, Copy)]
struct Sample {
    rate: f64,
    /// The CPU time per request in microseconds, of the server and of the store.
    cpu: f64,
    store_cpu: f64,
}

impl Subject {
    async fn start(place: Place) -> Result<Self, String> {
        let server = Server::start(&place.url);
        let mut client = Client::connect(server.address).await?;
        let begin = vec![get("/begin", None); SESSIONS];
        let cookies = client.each(&begin, |answer| answer.cookie.map(str::to_owned)).await?;
        let of = |path, cookies: &[String]| cookies.iter().map(|cookie| get(path, Some(cookie))).collect::<Vec<_>>();
        let requests = KINDS.iter().map(|kind| match kind.cookies {
            Cookies::None => vec![get(kind.path, None)],
            Cookies::One => of(kind.path, &cookies[..1]),
            Cookies::Many => of(kind.path, &cookies),
        });
        let (requests, counts) = (requests.collect(), of("/count", &cookies));
        let (samples, updates) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { place, server, client, requests, counts, samples, updates, failure: None })
    }

    async fn measure(&mut self, number: usize, warm_up: Duration, span: Duration) -> Result<(), String> {
        let (kind, requests) = (&KINDS[number], &self.requests[number]);
        let warmed_up = self.client.drive(requests, kind.expect, warm_up).await?;
        let pid = self.server.pid();
        let (cpu, store_cpu) = (usage::cpu(pid), self.place.server_cpu());
        let begun = Instant::now();
        let answered = self.client.drive(requests, kind.expect, span).await?;
        let took = begun.elapsed();
        let cpu = usage::cpu(pid).saturating_sub(cpu);
        let store_cpu = self.place.server_cpu().saturating_sub(store_cpu);
        let a_request = |spent: Duration| spent.as_secs_f64() * 1e6 / count(answered);
        let sample =
            Sample { rate: count(answered) / took.as_secs_f64(), cpu: a_request(cpu), store_cpu: a_request(store_cpu) };
        self.samples.entry(kind.name).or_default().push(sample);
        if kind.path == "/update" {
            *self.updates.entry(kind.name).or_default() += warmed_up + answered;
        }
        Ok(())
    }

    /// Returns the number of answered updates that the sessions do not contain.
    async fn lost(&mut self) -> Result<usize, String> {
        let number = |answer: &super::load::Answer<'_>| std::str::from_utf8(answer.body).ok()?.parse::<usize>().ok();
        let counted: usize = self.client.each(&self.counts, number).await?.into_iter().sum();
        Ok(self.updates.values().sum::<usize>().saturating_sub(counted))
    }

    fn middle(&self, kind: &str) -> Option<Sample> {
        let samples = self.samples.get(kind)?;
        let of = |value: fn(&Sample) -> f64| middle(samples.iter().map(value));
        Some(Sample { rate: of(|s| s.rate), cpu: of(|s| s.cpu), store_cpu: of(|s| s.store_cpu) })
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures, and adds the table and the aims to the report.
pub(crate) async fn run(scope: &Scope, stores: &Stores, report: &mut Report) {
    let (rounds, closer, warm_up, span) = if scope.quick { (3, 0, 50, 200) } else { (5, 25, 100, 700) };
    let (warm_up, span) = (Duration::from_millis(warm_up), Duration::from_millis(span));
    let mut subjects = Vec::new();
    for name in ["memory", "sqlite", "postgres", "redis"] {
        if let Some(place) = stores.place(name, "requests").await {
            subjects.push(Subject::start(place).await.expect("a server with sessions"));
        }
    }
    let tower = Place { name: "tower-sessions", url: TOWER.to_owned(), pid: None };
    subjects.push(Subject::start(tower).await.expect("a server with sessions"));
    for round in 1..=rounds + closer {
        progress(&format!("requests, round {round} of {}", rounds + closer));
        let all = round <= rounds;
        for (number, kind) in KINDS.iter().enumerate().filter(|(_, kind)| all || CLOSER.contains(&kind.name)) {
            for subject in subjects.iter_mut().filter(|subject| all || AIMED_AT.contains(&subject.place.name)) {
                if subject.failure.is_none() {
                    let measured = subject.measure(number, warm_up, span).await;
                    subject.failure = measured.err().map(|said| format!("{}: {said}", kind.name));
                }
            }
        }
    }
    tell(&mut subjects, report).await;
    for subject in &subjects {
        stores.clear(&subject.place).await;
    }
}

async fn tell(subjects: &mut [Subject], report: &mut Report) {
    report.heading("Requests");
    let mut rows = Vec::new();
    let mut remarks = Vec::new();
    // The bare route is the same in all servers, so its cost is the median over all of them.
    let bare = middle(subjects.iter().filter_map(|subject| subject.samples.get(BARE)).flatten().map(|s| s.cpu));
    for subject in subjects {
        let name = subject.place.name;
        if let Some(failure) = &subject.failure {
            report.failed(&format!("{name}: a wrong response to {failure}"));
        } else {
            match subject.lost().await {
                Ok(lost) => {
                    let updates: usize = subject.updates.values().sum();
                    remarks.push(format!("{name}: {lost} of {} updates lost", whole(count(updates))));
                    if lost > 0 && subject.place.url != TOWER {
                        report.failed(&format!("{name}: {lost} updates were answered but are lost"));
                    }
                }
                Err(failure) => report.failed(&format!("{name}: {failure}")),
            }
        }
        for kind in &KINDS {
            let Some(Sample { rate, cpu, store_cpu }) = subject.middle(kind.name) else { continue };
            let store_cpu = if subject.place.pid.is_some() { format!("{store_cpu:.1}") } else { "–".to_owned() };
            let figures = [whole(rate), format!("{cpu:.1}"), ratio(cpu / bare), store_cpu];
            rows.push([vec![name.to_owned(), kind.name.to_owned()], figures.to_vec()].concat());
        }
        if subject.failure.is_none() {
            aim(subject, bare, report);
        }
    }
    report.table(&["store", "request", "requests/s", "CPU µs", "× bare", "store server's CPU µs"], &rows);
    report.text(&format!("Lost updates, by the final values of the sessions: {}.", remarks.join("; ")));
}

/// Adds the cost of a read without the check of its signature, in units of a bare route.
fn aim(subject: &Subject, bare: f64, report: &mut Report) {
    let cpu = |kind| subject.middle(kind).map(|sample| sample.cpu);
    let (Some(anonymous), Some(unused), Some(read)) = (cpu(ANONYMOUS), cpu(UNUSED), cpu(READ)) else {
        return;
    };
    let name = subject.place.name;
    let beyond = (bare + read - unused) / bare;
    let strictly = (read - (unused - anonymous)) / bare;
    if AIMED_AT.contains(&name) {
        let what = format!("a read on {name}, beyond signature checking, in CPU of a bare route");
        report.aim(Aim { what, asked: "at most 1.15".to_owned(), found: ratio(beyond), met: beyond <= 1.15 });
    }
    if name != "tower-sessions" {
        let whole_layer = ratio(strictly);
        report.note(&format!(
            "{name}: a read costs {} bare routes beyond signature checking; {whole_layer} for the whole layer without \
             the signature check",
            ratio(beyond)
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn count(number: usize) -> f64 {
    number as f64
}
