//! The other places in a browser where a cookie of the session's name may lie, and the headers that remove it.
//!
//! Browsers distinguish cookies by name, domain (or the one host alone), path and partition. After a change of
//! `session.domain`, `session.path` or `session.partitioned`, or when another application sets the name, a browser has
//! two cookies and sends both.
//!
//! Only places are cleared from which this request can carry a cookie: its path or one above it, its host or a domain
//! above that. The cookie of the present settings is not among them, so the order of the headers does not matter where
//! browsers distinguish the two. Browsers that do not know `Partitioned` do not, so the new cookie is set last.

use super::CookieSettings;
use crate::policy::Contradiction;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Uri, header};

/// The most removals, because proxies hold response heads in a few kilobytes: nginx in 4 or 8.
const MOST: usize = 20;
/// The number of parent paths that are tried. Paths longer than `LONGEST_PATH` are not tried.
const DEPTH: usize = 3;
const LONGEST_PATH: usize = 128;

/// The host and the path of a request, which decide the cookies that it carries.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    uri: Uri,
    host: Option<HeaderValue>,
}

impl Target {
    /// Takes the target from a request, and copies no text because both fields share it with the request.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        // A nested router gets only the rest of the path, so the original URI is used.
        let original = request.extensions().get::<axum::extract::OriginalUri>();
        let uri = original.map_or_else(|| request.uri(), |original| &original.0).clone();
        Self { uri, host: request.headers().get(header::HOST).cloned() }
    }

    /// Returns the host in lower case, and its parent domains up to the registrable one. Empty for an address and for
    /// names of one label.
    fn domains(&self) -> Vec<String> {
        let authority = match (self.uri.authority(), &self.host) {
            (Some(authority), _) => Some(authority.clone()),
            (None, Some(host)) => Authority::try_from(host.as_bytes()).ok(),
            (None, None) => None,
        };
        let Some(host) = authority.map(|authority| authority.host().to_ascii_lowercase()) else { return Vec::new() };
        if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
            return Vec::new();
        }
        let Some(registered) = psl::domain_str(&host) else { return Vec::new() };
        let mut domains = vec![host.clone()];
        while let Some(last) = domains.last()
            && last != registered
            && let Some((_, above)) = last.split_once('.')
        {
            let above = above.to_owned();
            domains.push(above);
        }
        domains
    }

    /// Returns the paths of cookies that a request to this path carries: `/api`, `/api/login`, `/api/`.
    fn paths(&self) -> Vec<String> {
        let path = self.uri.path();
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).take(DEPTH);
        let ends: Vec<_> = ends.collect();
        let mut paths: Vec<_> = ends.iter().map(|at| &path[..*at]).collect();
        paths.push(path);
        paths.extend(ends.iter().map(|at| &path[..=*at]));
        paths.into_iter().filter(|path| path.len() <= LONGEST_PATH).map(str::to_owned).collect()
    }
}

/// The places that are cleared in addition to those of known earlier settings.
pub(crate) enum Around<'a> {
    /// None, because no cookie of the name came.
    Nothing,
    /// The places where a change of the settings leaves a cookie behind.
    Settings(&'a Target),
    /// Those places and the paths of the request, because two cookies came.
    Request(&'a Target),
}

impl CookieSettings {
    /// Returns the headers that remove cookies of this name which these settings do not set, the likeliest places
    /// first.
    pub(crate) fn other_removals(&self, former: &[Self], around: &Around) -> Vec<HeaderValue> {
        let others = self.others(former, around);
        // The header is as short as possible, without the date that old clients need.
        let line = |other: &Self| {
            let mut cookie = other.build("");
            cookie.set_max_age(cookie::time::Duration::ZERO);
            HeaderValue::from_str(&cookie.to_string()).ok()
        };
        others.iter().filter_map(line).collect()
    }

    /// Returns whether browsers take both for one cookie.
    fn lies_with(&self, other: &Self) -> bool {
        (&self.domain, &self.path, self.partitioned) == (&other.domain, &other.path, other.partitioned)
    }

    fn others(&self, former: &[Self], around: &Around) -> Vec<Self> {
        let mut found: Vec<Self> = vec![self.clone()];
        found.extend(former.iter().filter(|former| !former.lies_with(self)).cloned());
        let (target, thorough) = match around {
            Around::Nothing => return found.split_off(1),
            Around::Settings(target) => (target, false),
            Around::Request(target) => (target, true),
        };
        let host_bound = self.name.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case("__Host-"));
        let mut domains = vec![self.domain.clone()];
        let mut paths = vec![self.path.clone()];
        if !host_bound {
            domains.push(None);
            domains.extend(target.domains().into_iter().rev().map(Some));
            paths.push("/".to_owned());
        }
        let mut find = |path: &str, domain: &Option<String>, partitioned| {
            let other = Self { path: path.to_owned(), domain: domain.clone(), partitioned, ..self.clone() };
            if !found.iter().any(|known| known.lies_with(&other)) && Contradiction::of_cookie(&other).is_none() {
                found.push(other);
            }
        };
        let partitions = [self.partitioned, !self.partitioned];
        for path in &paths {
            for domain in &domains {
                for partitioned in partitions {
                    find(path, domain, partitioned);
                }
            }
        }
        if thorough && !host_bound {
            let below = target.paths();
            for partitioned in [false, true] {
                for domain in &domains {
                    for path in &below {
                        find(path, domain, partitioned);
                    }
                }
            }
        }
        found.into_iter().skip(1).take(MOST).collect()
    }
}
