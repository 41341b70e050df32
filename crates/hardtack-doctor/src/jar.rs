//! A cookie jar with the rules of a browser: the cookies that it stores, and those that it sends with a request.
//!
//! Source: RFC 6265bis, 5.7 (storage) and 5.8 (retrieval); CHIPS; measurements in Chromium 156, Firefox ESR 153 and
//! WebKitGTK 2.50, see `tests/chromium.json`, `firefox.json` and `webkit.json`.

use super::address::Address;
use super::browser::Browser;
use super::loss::Loss;
use super::octets::length;
use super::set_cookie::{SameSite, SetCookie};
use super::sites::{SiteOf, is_same_site, site};

/// The cookie jar of one browser.
///
/// # Examples
///
/// ```
/// use hardtack_doctor::{Browser, Jar, Loss, Request, Sites};
///
/// let (page, api) = ("https://app.example.org".parse()?, "https://api.example.com/".parse()?);
/// let sites = Sites::default();
/// let mut jar = Jar::new(Browser::USUAL[0]);
/// let kept = jar.set("sid=1; Secure; SameSite=Lax", &Request::fetch(&page, &api, 0), &sites);
/// assert_eq!(kept, Err(Loss::CrossSite));
/// assert_eq!(jar.header(&Request::fetch(&page, &api, 1), &sites), None);
/// # Ok::<(), hardtack_doctor::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Jar {
    browser: Browser,
    cookies: Vec<Stored>,
}

/// A request, as far as cookies are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The target.
    pub to: &'a Address,
    /// The page that makes it: the one that the window shows, or from which the window navigates.
    pub page: &'a Address,
    /// The kind of request.
    pub kind: Kind,
    /// The time of the request, in seconds since 1970.
    pub now: u64,
    /// The `Date` of its response, in seconds since 1970, if the response has one.
    pub date: Option<i64>,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A call of a script, with `credentials: 'include'`.
    Fetch,
    /// A navigation by a link or a form with GET.
    Link,
    /// A navigation by a form with POST.
    Post,
}

/// A cookie in the jar.
#[derive(Clone, Debug)]
struct Stored {
    cookie: SetCookie,
    /// The host that set it, or its `Domain`.
    domain: String,
    host_only: bool,
    path: String,
    /// The top-level site of its partition, if it is partitioned.
    partition: Option<String>,
    ends: Option<i64>,
    created: u64,
}

/// The effect of a `Set-Cookie` line on the jar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// A new cookie is stored.
    New,
    /// The cookie replaces an earlier one.
    Replaced,
    /// An earlier cookie is removed.
    Removed,
}

/// The seconds after its creation in which a cookie without `SameSite` is sent with a cross-site POST navigation.
/// Source: RFC 6265bis, 5.6.7.2.
const LAX_POST: u64 = 120;
/// The longest lifetime in seconds; a longer one is shortened to it. Source: RFC 6265bis, 5.5.
const LONGEST: i64 = 400 * 86400;
/// The most bytes of names and values that one domain may have in one partition. Source: CHIPS.
const PARTITION_BYTES: usize = 10 * 1024;
/// The most cookies that one domain may have in one partition. Source: CHIPS.
const PARTITION_COOKIES: usize = 180;

impl<'a> Request<'a> {
    /// Creates the request that a script of `page` sends to `to`.
    #[must_use]
    pub const fn fetch(page: &'a Address, to: &'a Address, now: u64) -> Self {
        Self { to, page, kind: Kind::Fetch, now, date: None }
    }

    /// Returns the same request with the `Date` of its response.
    #[must_use]
    pub const fn dated(self, date: Option<i64>) -> Self {
        Self { date, ..self }
    }

    /// Returns the site that the window shows, which is the key of a partition.
    fn top(&self, sites: &dyn SiteOf) -> String {
        let shown = if self.kind == Kind::Fetch { self.page } else { self.to };
        let scheme = if shown.is_https() { "https" } else { "http" };
        format!("{scheme}://{}", site(shown, sites))
    }

    fn crosses(&self, browser: Browser, sites: &dyn SiteOf) -> bool {
        !is_same_site(self.page, self.to, browser.is_schemeful(), sites)
    }
}

impl Jar {
    /// Creates an empty jar.
    #[must_use]
    pub const fn new(browser: Browser) -> Self {
        Self { browser, cookies: Vec::new() }
    }

    /// Stores the cookie of a `Set-Cookie` line in the response to `request`.
    ///
    /// # Errors
    ///
    /// The reason why the browser drops it.
    pub fn set(&mut self, line: &str, request: &Request, sites: &dyn SiteOf) -> Result<Kept, Loss> {
        self.keep(&SetCookie::read(line)?, request, sites)
    }

    /// Stores a cookie that is parsed already, as [`set`](Jar::set) does.
    ///
    /// # Errors
    ///
    /// The reason why the browser drops it.
    pub fn keep(&mut self, cookie: &SetCookie, request: &Request, sites: &dyn SiteOf) -> Result<Kept, Loss> {
        cookie.measure()?;
        if self.browser.refuses_tabs() && cookie.has_tab() {
            return Err(Loss::Unreadable);
        }
        let (domain, host_only) = domain(cookie, request.to, self.browser, sites)?;
        self.judge(cookie, request, host_only, sites)?;
        let stored = Stored {
            path: cookie.path.clone().unwrap_or_else(|| default_path(request.to.path())),
            partition: self.partition(cookie, request, sites)?,
            ends: cookie
                .ends(request.now, request.date)
                .map(|ends| ends.min(seconds(request.now).saturating_add(LONGEST))),
            created: request.now,
            cookie: cookie.clone(),
            domain,
            host_only,
        };
        if !cookie.secure
            && !self.browser.trusts(request.to)
            && self.cookies.iter().any(|kept| kept.is_shadowed_by(&stored))
        {
            return Err(Loss::ShadowsSecure);
        }
        let earlier = self.cookies.iter().position(|kept| kept.is_same_as(&stored));
        let earlier = earlier.map(|at| self.cookies.remove(at));
        match (stored.has_ended(request.now), earlier) {
            (true, None) => Err(Loss::Expired),
            (true, Some(_)) => Ok(Kept::Removed),
            (false, None) => {
                self.cookies.push(stored);
                self.make_room(sites);
                Ok(Kept::New)
            }
            (false, Some(earlier)) => {
                let renewed = self.browser.renews_with_value() && stored.cookie.value != earlier.cookie.value;
                let created = if renewed { request.now } else { earlier.created };
                self.cookies.push(Stored { created, ..stored });
                self.make_room(sites);
                Ok(Kept::Replaced)
            }
        }
    }

    /// Returns the `Cookie` header of a request, if it has one.
    #[must_use]
    pub fn header(&self, request: &Request, sites: &dyn SiteOf) -> Option<String> {
        let mut sent: Vec<_> = self.cookies.iter().filter(|kept| self.stays(kept, request, sites).is_none()).collect();
        sent.sort_by_key(|kept| (std::cmp::Reverse(kept.path.len()), kept.created));
        let pair = |kept: &&Stored| match &kept.cookie {
            SetCookie { name, value, .. } if name.is_empty() => value.clone(),
            SetCookie { name, value, .. } => format!("{name}={value}"),
        };
        (!sent.is_empty()).then(|| sent.iter().map(pair).collect::<Vec<_>>().join("; "))
    }

    /// Returns the names of the cookies that are sent with a request.
    #[must_use]
    pub fn sent(&self, request: &Request, sites: &dyn SiteOf) -> Vec<&str> {
        let sent = self.cookies.iter().filter(|kept| self.stays(kept, request, sites).is_none());
        sent.map(|kept| kept.cookie.name.as_str()).collect()
    }

    /// Returns the names of the stored cookies that are not sent, with the reasons.
    #[must_use]
    pub fn withheld(&self, request: &Request, sites: &dyn SiteOf) -> Vec<(&str, Loss)> {
        let stays = |kept| self.stays(kept, request, sites).map(|loss| (kept.cookie.name.as_str(), loss));
        self.cookies.iter().filter_map(stays).collect()
    }

    /// Removes all cookies of a host's registrable domain, as `Clear-Site-Data: "cookies"` in its response does.
    pub(super) fn clear(&mut self, request: &Request, sites: &dyn SiteOf) {
        let cleared = site(request.to, sites);
        self.cookies.retain(|kept| kept.registrable(sites) != cleared);
    }

    /// Returns whether the jar has a cookie of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|kept| kept.cookie.name == name)
    }

    /// Evicts the oldest cookies of the partition that the newest cookie belongs to, until the others fit.
    ///
    /// Source: CHIPS, "Limit the number of cookies a domain can use in one partition"; Chromium 156.
    fn make_room(&mut self, sites: &dyn SiteOf) {
        let Some(newest) = self.cookies.last().filter(|kept| kept.cookie.partitioned) else { return };
        if !self.browser.limits_partitions() {
            return;
        }
        let place = |kept: &Stored| kept.partition.clone().map(|partition| (partition, kept.registrable(sites)));
        let full = place(newest);
        loop {
            let there = || self.cookies.iter().enumerate().filter(|(_, kept)| place(kept) == full);
            let bytes: usize = there().map(|(_, kept)| length(&kept.cookie.name) + length(&kept.cookie.value)).sum();
            if bytes <= PARTITION_BYTES && there().count() <= PARTITION_COOKIES {
                return;
            }
            let Some((oldest, _)) = there().min_by_key(|(at, kept)| (kept.created, *at)) else { return };
            self.cookies.remove(oldest);
        }
    }

    /// Checks the rules for attributes and name prefixes of a cookie that this response sets.
    fn judge(&self, cookie: &SetCookie, request: &Request, host_only: bool, sites: &dyn SiteOf) -> Result<(), Loss> {
        let browser = self.browser;
        let same_site = cookie.same_site.unwrap_or(browser.default_same_site());
        let none = cookie.same_site == Some(SameSite::None);
        // A cookie without a name never meets the rules of a prefix, because its value only looks like a name.
        let https = cookie.secure && !cookie.name.is_empty();
        let own = browser.takes_own_host_for_none(request.to.ip().is_some());
        let bare = cookie.domain.as_deref().is_none_or(|domain| domain.is_empty() || own);
        let root = cookie.path.as_deref().map_or_else(
            || browser.takes_root_for_path() && default_path(request.to.path()) == "/",
            |path| path == "/",
        );
        let host = https && host_only && bare && root;
        let http = https && cookie.http_only;
        let host_http = cookie.begins("__Host-Http-");
        let newer = browser.knows_http_prefix();
        let rules = [
            (cookie.secure && !browser.trusts(request.to), Loss::Insecure),
            (
                same_site != SameSite::None && request.kind == Kind::Fetch && request.crosses(browser, sites),
                Loss::CrossSite,
            ),
            (none && !cookie.secure && browser.none_needs_secure(), Loss::NoneWithoutSecure),
            (newer && host_http && !(host && http), Loss::HttpPrefix),
            (newer && cookie.begins("__Http-") && !http, Loss::HttpPrefix),
            (cookie.begins("__Host-") && !host, Loss::Prefix),
            (cookie.begins("__Secure-") && !https, Loss::Prefix),
            (cookie.partitioned && !cookie.secure, Loss::PartitionedWithoutSecure),
        ];
        rules.into_iter().find_map(|(broken, loss)| broken.then_some(loss)).map_or(Ok(()), Err)
    }

    /// Returns the partition in which a cookie is stored, or an error if third-party cookies are blocked.
    fn partition(&self, cookie: &SetCookie, request: &Request, sites: &dyn SiteOf) -> Result<Option<String>, Loss> {
        if cookie.partitioned && self.browser.blocks_partitioned() && request.crosses(self.browser, sites) {
            return Err(Loss::ThirdParty);
        }
        if cookie.partitioned {
            return Ok(Some(request.top(sites)));
        }
        if request.kind != Kind::Fetch || !request.crosses(self.browser, sites) {
            return Ok(None);
        }
        if self.browser.blocks_third_parties {
            return Err(Loss::ThirdParty);
        }
        Ok(self.browser.partitions_third_parties().then(|| request.top(sites)))
    }

    /// Returns the reason why a cookie is not sent with a request, or `None` if it is sent.
    fn stays(&self, kept: &Stored, request: &Request, sites: &dyn SiteOf) -> Option<Loss> {
        let crosses = request.crosses(self.browser, sites);
        let third_party = crosses && request.kind == Kind::Fetch;
        let partition = match &kept.partition {
            Some(partition) => *partition != request.top(sites),
            None => third_party && self.browser.partitions_third_parties(),
        };
        let fresh = request.now.saturating_sub(kept.created) < LAX_POST;
        let same_site = match kept.cookie.same_site.unwrap_or(self.browser.default_same_site()) {
            SameSite::None => true,
            SameSite::Strict => false,
            SameSite::Lax => match request.kind {
                Kind::Fetch => false,
                Kind::Link => true,
                Kind::Post => kept.cookie.same_site.is_none() && fresh,
            },
        };
        let rules = [
            (kept.has_ended(request.now), Loss::Expired),
            (!kept.reaches_host(request.to.host()), Loss::OtherHost),
            (!covers(&kept.path, request.to.path()), Loss::OtherPath),
            (kept.cookie.secure && !self.browser.trusts(request.to), Loss::Insecure),
            (crosses && !same_site, Loss::CrossSite),
            (kept.partition.is_none() && third_party && self.browser.blocks_third_parties, Loss::ThirdParty),
            (partition, Loss::OtherPartition),
        ];
        rules.into_iter().find_map(|(broken, loss)| broken.then_some(loss))
    }
}

impl Stored {
    fn has_ended(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| ends <= seconds(now))
    }

    fn reaches_host(&self, host: &str) -> bool {
        if self.host_only { host == self.domain } else { is_below(host, &self.domain) }
    }

    /// Returns the registrable domain of the cookie's domain, or that domain itself.
    fn registrable(&self, sites: &dyn SiteOf) -> String {
        sites.registrable(&self.domain).unwrap_or_else(|| self.domain.clone())
    }

    fn is_same_as(&self, other: &Self) -> bool {
        let key = |kept: &Self| (kept.domain.clone(), kept.host_only, kept.path.clone(), kept.partition.clone());
        self.cookie.name == other.cookie.name && key(self) == key(other)
    }

    /// Returns whether a cookie from plain http could shadow this `Secure` one. Source: RFC 6265bis, 5.7, step 16;
    /// CHIPS.
    fn is_shadowed_by(&self, other: &Self) -> bool {
        self.cookie.secure
            && self.cookie.name == other.cookie.name
            && self.partition == other.partition
            && (is_below(&self.domain, &other.domain) || is_below(&other.domain, &self.domain))
            && covers(&self.path, &other.path)
    }
}

/// Returns the domain of a cookie, and whether the cookie is host-only.
fn domain(cookie: &SetCookie, from: &Address, browser: Browser, sites: &dyn SiteOf) -> Result<(String, bool), Loss> {
    let host = from.host();
    // Source: RFC 6265bis, 5.6.3.
    let domain = cookie.domain.as_deref().map(str::to_ascii_lowercase);
    match domain.as_deref() {
        None => Ok((host.to_owned(), true)),
        Some("") if browser.takes_dot_for_none() => Ok((host.to_owned(), true)),
        Some(domain) if domain == host && from.ip().is_some() => Ok((host.to_owned(), true)),
        Some(domain) if from.ip().is_some() || !is_below(host, domain) => Err(Loss::Domain),
        // A public suffix as `Domain` is accepted only from the host of that name, and the cookie is host-only.
        Some(domain) if sites.registrable(domain.trim_end_matches('.')).is_none() => {
            if domain == host {
                Ok((host.to_owned(), true))
            } else {
                Err(Loss::Domain)
            }
        }
        Some(domain) => Ok((domain.to_owned(), false)),
    }
}

/// Returns whether a host matches a domain. Source: RFC 6265bis, 5.1.3.
fn is_below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && !domain.is_empty())
}

/// Returns whether a cookie path matches the path of a request. Source: RFC 6265bis, 5.1.4.
fn covers(path: &str, asked: &str) -> bool {
    asked.strip_prefix(path).is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

/// Returns the folder of a path, which is the default `Path`. Source: RFC 6265bis, 5.1.4.
pub(super) fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

fn seconds(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX)
}
