//! The setup of an application: its pages, server, proxies and store, as far as the session cookie depends on them.

use super::address::Address;
use super::reach::Term;
use super::set_cookie::{SameSite, SetCookie};
use super::sites::{SiteOf, Sites, is_same_site};

/// The setup of an application, which [`check`](super::check) judges before the first request.
///
/// It holds no secret. Start with [`Topology::of`], which gives the recommended setup, and change the parts that
/// differ.
///
/// # Examples
///
/// ```
/// use hardtack_doctor::{Address, Code, Sites, Topology, check};
///
/// let server: Address = "https://api.example.com".parse()?;
/// let pages: Vec<Address> = vec!["https://app.example.com".parse()?];
/// let mut topology = Topology::of(server, pages, Sites::default());
/// assert!(check(&topology).is_empty());
///
/// topology.cors.origins = vec!["https://app.example.com/".to_owned()];
/// assert_eq!(check(&topology)[0].code, Code::OtherOrigin);
/// # Ok::<(), hardtack_doctor::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Topology {
    /// The address that browsers call, with the path below which pages use the session.
    pub server: Address,
    /// The pages of other origins that may use the session.
    pub pages: Vec<Address>,
    /// The registrable domains of all these hosts, and of the cookie's `Domain`.
    pub sites: Sites,
    /// The session cookie. Only the length of its value matters.
    pub cookie: SetCookie,
    /// The names of the cookies of other applications on the same host, because all ports of a host share one jar.
    pub neighbours: Vec<String>,
    /// The CORS headers of the server.
    pub cors: Cors,
    /// The calls of the pages.
    pub client: Client,
    /// The path between browsers and the server.
    pub edge: Edge,
    /// The session store and the servers that use it.
    pub store: Store,
    /// Whether visitors sign in at another site and come back (OpenID Connect).
    pub sign_in_elsewhere: bool,
}

/// The CORS headers that the server sends to pages of other origins, as it spells them.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Every value that `Access-Control-Allow-Origin` can have.
    pub origins: Vec<String>,
    /// Whether it sends `Access-Control-Allow-Credentials: true`.
    pub credentials: bool,
    /// `Access-Control-Allow-Methods`.
    pub methods: Vec<String>,
    /// `Access-Control-Allow-Headers`.
    pub headers: Vec<String>,
    /// `Access-Control-Expose-Headers`.
    pub exposed: Vec<String>,
}

/// The calls that the scripts of the pages make.
#[derive(Clone, Debug)]
pub struct Client {
    /// Whether they use `credentials: 'include'`, or axios' `withCredentials: true`.
    pub credentials: bool,
    /// The methods that they use.
    pub methods: Vec<String>,
    /// The headers that they set.
    pub headers: Vec<String>,
}

/// The path between browsers and the server.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The program that terminates TLS.
    pub tls: Tls,
    /// Whether the server believes that it is reached over https: Hardtack reads this from `site.url`, Express from
    /// `req.secure`.
    pub believes_https: bool,
    /// Whether a proxy adds CORS headers too.
    pub proxy_adds_cors: bool,
    /// The port on which the server listens, if browsers reach it directly.
    pub bound: Option<u16>,
    /// Whether the server's address is this machine, but it accepts plain http from other machines too.
    pub open: bool,
    /// The validity of the certificate.
    pub term: Option<Term>,
}

/// The program that terminates TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tls {
    /// A proxy, or none.
    Elsewhere,
    /// The server, with a certificate of an authority that browsers know.
    Public,
    /// The server, with a certificate of its own authority.
    Own,
}

/// The session store and the servers that use it.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Whether sessions survive a restart.
    pub lasting: bool,
    /// Whether several servers can use it.
    pub shared: bool,
    /// The number of servers that answer at this address.
    pub nodes: u32,
    /// Whether all of them verify cookies with the same keys.
    pub same_keys: bool,
}

impl Topology {
    /// Returns the recommended setup for a server and the pages that use its sessions, as Hardtack derives it from
    /// `site.url` and `site.front_ends`.
    #[must_use]
    pub fn of(server: Address, pages: Vec<Address>, sites: Sites) -> Self {
        let pages: Vec<_> = pages.into_iter().filter(|page| !page.is_origin_of(&server)).collect();
        let across = pages.iter().any(|page| !is_same_site(page, &server, true, &sites));
        let mut cookie = SetCookie::session("hardtack_sess", server.is_https());
        if across {
            cookie.same_site = Some(SameSite::None);
            cookie.partitioned = true;
        }
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            cors: Cors {
                origins: pages.iter().map(Address::origin).collect(),
                credentials: true,
                methods: names(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
                headers: names(&["content-type"]),
                exposed: names(&["retry-after"]),
            },
            client: Client { credentials: true, methods: names(&["GET", "POST"]), headers: names(&["content-type"]) },
            edge: Edge {
                tls: Tls::Elsewhere,
                believes_https: server.is_https(),
                proxy_adds_cors: false,
                bound: None,
                open: false,
                term: None,
            },
            store: Store { lasting: true, shared: false, nodes: 1, same_keys: true },
            neighbours: Vec::new(),
            sign_in_elsewhere: false,
            server,
            pages,
            sites,
            cookie,
        }
    }

    /// Returns the pages of other origins.
    pub(super) fn others(&self) -> impl Iterator<Item = &Address> {
        self.pages.iter().filter(|page| !page.is_origin_of(&self.server))
    }

    /// Returns the pages that use the session: those of other origins, or the server's own if there are none.
    pub(super) fn users(&self) -> impl Iterator<Item = &Address> {
        let own = self.others().next().is_none().then_some(&self.server);
        self.others().chain(own)
    }

    /// Returns a page together with the server.
    pub(super) fn pair<'a>(&'a self, page: &'a Address) -> Pair<'a> {
        Pair { page, server: &self.server, sites: &self.sites }
    }
}

/// A page and the server that it calls.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) page: &'a Address,
    pub(super) server: &'a Address,
    pub(super) sites: &'a dyn SiteOf,
}

impl Pair<'_> {
    /// Returns whether the page is the server's own.
    pub(super) fn is_own(&self) -> bool {
        self.page.is_origin_of(self.server)
    }

    pub(super) fn is_same_site(&self, schemeful: bool) -> bool {
        is_same_site(self.page, self.server, schemeful, self.sites)
    }
}
