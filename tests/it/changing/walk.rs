//! A browser that signs in and returns after the settings of the server have changed.

use super::cases::{Case, Fate, Set};
use crate::support::people::PASSWORD;
use crate::support::process::PATIENT;
use hardtack::server::settings::Settings;
use hardtack::server::{Server, StartError};
use hardtack_doctor::{Address, Browser, Jar, Kind, Maker, Request, SiteOf as _, Sites};
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const USERNAME: &str = "ada@example.com";

/// A folder with a store, its keys and its accounts, and the current time.
pub struct Place {
    folder: TempDir,
    clock: ManualClock,
    now: Timestamp,
}

impl Place {
    fn new() -> Self {
        Self::at(Timestamp(4_000_000_000_000))
    }

    fn at(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["one.key", "two.key"] {
            let path = folder.path().join(name);
            hardtack_session::Keys::in_file(&path).expect("a key");
        }
        Self { folder, clock: ManualClock::at(now), now }
    }

    /// Copies the files into another folder, at the same time.
    fn copy(&self) -> Self {
        let copy =
            Self { folder: tempfile::tempdir().expect("a folder"), clock: ManualClock::at(self.now), now: self.now };
        for entry in fs::read_dir(self.folder.path()).expect("a folder") {
            let entry = entry.expect("a file");
            fs::copy(entry.path(), copy.folder.path().join(entry.file_name())).expect("a copy");
        }
        copy
    }

    pub fn advance(&mut self, span: Duration) {
        self.clock.advance(span);
        self.now = Clock::Manual(self.clock.clone()).now();
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.now.0 / 1000).expect("after 1970")
    }

    /// Changes the database while no server uses it.
    pub async fn execute(&self, sql: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("hardtack.db"));
        let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
        sqlx::query(sql).execute(&pool).await.expect("a change");
        pool.close().await;
    }

    async fn start(&self, settings: Settings) -> Result<Server, StartError> {
        Server::start_with(settings, Clock::Manual(self.clock.clone())).await
    }

    /// Returns the error of a start that must fail.
    pub async fn refusal(&self, set: Set) -> String {
        match self.start(self.settings(set)).await {
            Ok(_) => panic!("the start with {set:?} must be refused"),
            Err(error) => error.to_string(),
        }
    }

    /// Returns the settings of a case, with the files in this folder.
    fn settings(&self, set: Set) -> Settings {
        let below = |name: &str| self.folder.path().join(name).display().to_string();
        let database = format!("sqlite:{}", below("hardtack.db"));
        let file = self.folder.path().join("Leptos.toml");
        fs::write(&file, "").expect("an empty file of settings");
        let own = [("STORE_URL", database.as_str()), ("SITE_LISTEN", "127.0.0.1:0"), PATIENT];
        let set = own.iter().chain(set).map(|(name, value)| {
            (format!("HARDTACK_{name}"), value.replace("{folder}", &self.folder.path().display().to_string()))
        });
        Settings::load(Some(&file), set).expect("settings")
    }
}

/// A running server as browsers reach it: behind a proxy if its address is https.
pub struct Site {
    url: Address,
    page: Address,
    cookie: String,
    address: SocketAddr,
    /// The settings whose change the start has warned about.
    pub said: Vec<&'static str>,
    now: u64,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Site {
    /// Starts the server. Visitors use `page`, or its own pages.
    pub async fn open(place: &Place, set: Set, page: Option<&str>) -> Self {
        let settings = place.settings(set);
        let url: Address = settings.site.url.to_string().parse().expect("an address");
        let page = page.map_or_else(|| url.clone(), |page| page.parse().expect("an address"));
        let cookie = settings.session.name.clone();
        let server = place.start(settings).await.expect("a server");
        let (address, said) = (server.address(), server.changes().iter().map(|change| change.setting).collect());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move { drop(stopped.await) }));
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0).no_proxy();
        let client = client.build().expect("a client");
        Self { url, page, cookie, address, said, now: place.seconds(), client, stop, task }
    }

    pub async fn close(self) {
        self.stop.send(()).expect("a running server");
        self.task.await.expect("no panic").expect("a clean end");
    }
}

/// A visitor in one browser, with or without "keep me signed in".
#[derive(Clone, Debug)]
pub struct Visitor {
    jar: Jar,
    pub keep: bool,
}

/// The status and the JSON body of a response.
type Answer = (u16, Value);

impl Visitor {
    pub fn new(keep: bool) -> Self {
        Self { jar: Jar::new(Browser::new(Maker::Chrome, false)), keep }
    }

    /// Sends a request as the browser would: with the cookies that match, and storing the cookies of the response.
    async fn ask(&mut self, site: &Site, kind: Kind, (method, path): (Method, &str), body: Option<Value>) -> Answer {
        let to = site.url.at(path);
        let request = Request { to: &to, page: &site.page, kind, now: site.now, date: None };
        let sites = Sites::default();
        let registrable = |address: &Address| sites.registrable(address.host());
        let relation = match () {
            () if kind == Kind::Link => "none",
            () if site.page.is_origin_of(&to) => "same-origin",
            () if registrable(&site.page) == registrable(&to) => "same-site",
            () => "cross-site",
        };
        let mut sent = site.client.request(method.clone(), format!("http://{}{path}", site.address));
        sent = sent.header("host", to.origin().split("://").nth(1).expect("a host")).header("sec-fetch-site", relation);
        sent = sent.header("accept", if kind == Kind::Link { "text/html" } else { "application/json" });
        if method != Method::GET || relation.ends_with("-site") {
            sent = sent.header("origin", site.page.origin());
        }
        if let Some(cookies) = self.jar.header(&request, &sites) {
            sent = sent.header("cookie", cookies);
        }
        if let Some(body) = &body {
            sent = sent.json(body);
        }
        let answer = sent.send().await.expect("an answer");
        for line in answer.headers().get_all("set-cookie") {
            // A rejected cookie shows in the later requests.
            self.jar.set(line.to_str().expect("text"), &request, &sites).ok();
        }
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn register(&mut self, site: &Site) -> Answer {
        let body = json!({"name": "Ada", "username": USERNAME, "password": PASSWORD});
        self.ask(site, Kind::Fetch, (Method::POST, "/api/register"), Some(body)).await
    }

    pub async fn sign_in(&mut self, site: &Site) -> Answer {
        let body = json!({"username": USERNAME, "password": PASSWORD, "keep": self.keep});
        self.ask(site, Kind::Fetch, (Method::POST, "/api/login"), Some(body)).await
    }

    pub async fn sign_out(&mut self, site: &Site) -> Answer {
        self.ask(site, Kind::Fetch, (Method::POST, "/api/logout"), Some(json!({}))).await
    }

    /// Opens a page, which counts the visit and so begins a session if there is none. Returns whether the visitor is
    /// signed in.
    pub async fn comes(&mut self, site: &Site) -> Result<bool, String> {
        let (status, _) = if site.page.is_origin_of(&site.url) {
            self.ask(site, Kind::Link, (Method::GET, "/"), None).await
        } else {
            self.ask(site, Kind::Fetch, (Method::POST, "/api/visits"), Some(json!({}))).await
        };
        if status != 200 {
            return Err(format!("a visit was answered with {status}"));
        }
        match self.ask(site, Kind::Fetch, (Method::GET, "/api/profile"), None).await {
            (200, _) => Ok(true),
            (401, _) => Ok(false),
            other => Err(format!("the profile was answered with {other:?}")),
        }
    }

    /// Returns how many cookies with the session's name go along with a request.
    pub fn session_cookies(&self, site: &Site) -> usize {
        let to = site.url.at("/api/profile");
        let request = Request { to: &to, page: &site.page, kind: Kind::Fetch, now: site.now, date: None };
        self.jar.sent(&request, &Sites::default()).iter().filter(|name| **name == site.cookie).count()
    }

    /// Visits the site and signs in if necessary, which must then succeed at once. Returns whether it was necessary.
    pub async fn enters(&mut self, site: &Site) -> Result<Fate, String> {
        if self.comes(site).await? {
            return if self.comes(site).await? {
                Ok(Fate::Stay)
            } else {
                Err("is signed in at the first request only".to_owned())
            };
        }
        let told = self.sign_in(site).await;
        if told.0 != 200 {
            return Err(format!("cannot sign in: {told:?}"));
        }
        if !self.comes(site).await? || !self.comes(site).await? {
            return Err("has signed in and is not signed in".to_owned());
        }
        match self.session_cookies(site) {
            1 => Ok(Fate::Leave),
            count => Err(format!("has {count} session cookies after the sign-in")),
        }
    }
}

/// The state before the change: two visitors have signed in, an ordinary one and one with "keep me signed in".
pub struct Before {
    pub place: Place,
    pub visitors: [Visitor; 2],
}

impl Before {
    pub async fn begin(set: Set, page: Option<&str>) -> Self {
        let place = Place::new();
        let site = Site::open(&place, set, page).await;
        let mut visitors = [Visitor::new(false), Visitor::new(true)];
        let told = Visitor::new(false).register(&site).await;
        assert_eq!(told.0, 200, "{told:?}");
        for visitor in &mut visitors {
            assert_eq!(visitor.enters(&site).await, Ok(Fate::Leave), "with {set:?}");
        }
        site.close().await;
        Self { place, visitors }
    }

    /// Changes the settings and changes them back. Returns the differences from the case, which are none when it holds.
    pub async fn walk(&self, case: &Case) -> Vec<String> {
        let (mut place, mut visitors) = (self.place.copy(), self.visitors.clone());
        let mut wrong = Vec::new();
        let mut complain = |what: String| wrong.push(format!("{}, {}: {what}", case.key, case.change));
        place.advance(case.away);
        let site = Site::open(&place, case.to, case.page).await;
        if site.said != case.said {
            complain(format!("the start warns about {:?}", site.said));
        }
        for (visitor, fate) in visitors.iter_mut().zip(case.fates) {
            let kept = if visitor.keep { "kept" } else { "ordinary" };
            match visitor.enters(&site).await {
                Ok(met) if met == fate => {}
                Ok(met) => complain(format!("the {kept} visitor should {}, but did {}", fate.words(), met.words())),
                Err(what) => complain(format!("the {kept} visitor {what}")),
            }
        }
        site.close().await;
        place.advance(Duration::from_secs(60));
        let site = Site::open(&place, case.from, case.page).await;
        for visitor in &mut visitors {
            let kept = if visitor.keep { "kept" } else { "ordinary" };
            if let Err(what) = visitor.enters(&site).await {
                complain(format!("back again, the {kept} visitor {what}"));
            }
            let (status, _) = visitor.sign_out(&site).await;
            if status != 200 || visitor.comes(&site).await != Ok(false) {
                complain(format!("after the change back, the {kept} visitor cannot sign out ({status})"));
            }
        }
        site.close().await;
        wrong
    }
}
