//! Where pages, server, proxies and store are, as far as the session's cookie is concerned.

use super::address::Address;
use super::reach::Term;
use super::set_cookie::{SameSite, SetCookie};
use super::sites::{SiteOf, Sites, is_same_site};

/// How an application is set up: what [`check`](super::check) judges before the first request.
///
/// No secret is in it. Begin with [`Topology::of`], which is how it should be, and change what is otherwise.
///
/// # Examples
///
/// ```
/// use hardtack::doctor::{Address, Code, Sites, Topology, check};
///
/// let server: Address = "https://api.example.com".parse()?;
/// let pages: Vec<Address> = vec!["https://app.example.com".parse()?];
/// let mut topology = Topology::of(server, pages, Sites::default());
/// assert!(check(&topology).is_empty());
///
/// topology.cors.origins = vec!["https://app.example.com/".to_owned()];
/// assert_eq!(check(&topology)[0].code, Code::OtherOrigin);
/// # Ok::<(), hardtack::doctor::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Topology {
    /// What browsers call the server, with the path below which it is asked.
    pub server: Address,
    /// The pages of other origins that may use the session.
    pub pages: Vec<Address>,
    /// The registrable domains of all these hosts, and of the cookie's.
    pub sites: Sites,
    /// The session's cookie. Of its value the length counts.
    pub cookie: SetCookie,
    /// The names of other applications' cookies on the same host: all its ports share them.
    pub neighbours: Vec<String>,
    /// What the pages may do.
    pub cors: Cors,
    /// What the pages do.
    pub client: Client,
    /// What stands between browsers and the server.
    pub edge: Edge,
    /// Where sessions are kept, and by how many.
    pub store: Store,
    /// Whether visitors sign in at another site and come back (OpenID Connect).
    pub sign_in_elsewhere: bool,
}

/// What the server tells browsers about pages of other origins, as it spells it.
#[derive(Clone, Debug)]
pub struct Cors {
    /// `Access-Control-Allow-Origin`, each value that it can have.
    pub origins: Vec<String>,
    /// `Access-Control-Allow-Credentials: true`.
    pub credentials: bool,
    /// `Access-Control-Allow-Methods`.
    pub methods: Vec<String>,
    /// `Access-Control-Allow-Headers`.
    pub headers: Vec<String>,
    /// `Access-Control-Expose-Headers`.
    pub exposed: Vec<String>,
}

/// What the pages' scripts call with.
#[derive(Clone, Debug)]
pub struct Client {
    /// `credentials: 'include'`, or axios' `withCredentials: true`.
    pub credentials: bool,
    /// The methods in use.
    pub methods: Vec<String>,
    /// The headers that are set.
    pub headers: Vec<String>,
}

/// What stands between browsers and the server.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Who makes https of it.
    pub tls: Tls,
    /// Whether the server takes itself to be reached over https: what Hardtack reads in `site.url`, and Express in
    /// `req.secure`.
    pub believes_https: bool,
    /// Whether a proxy adds CORS headers too.
    pub proxy_adds_cors: bool,
    /// The port that is bound, when browsers reach it directly.
    pub bound: Option<u16>,
    /// Whether the server takes itself to be on this machine alone, and answers plain http for the network around it.
    pub open: bool,
    /// The time for which the certificate holds.
    pub term: Option<Term>,
}

/// Who makes https of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tls {
    /// Nobody here, or a proxy.
    Elsewhere,
    /// The server, with a certificate of an authority that browsers know.
    Public,
    /// The server, with an authority of its own.
    Own,
}

/// Where sessions are kept, and by how many.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Whether sessions outlive a restart.
    pub lasting: bool,
    /// Whether several servers can use it.
    pub shared: bool,
    /// How many servers answer at this address.
    pub nodes: u32,
    /// Whether all of them verify cookies with the same keys.
    pub same_keys: bool,
}

impl Topology {
    /// How it should be, for a server and the pages that use its sessions: what Hardtack derives from `site.url` and
    /// `site.front_ends`.
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

    /// The pages of other origins.
    pub(super) fn others(&self) -> impl Iterator<Item = &Address> {
        self.pages.iter().filter(|page| !page.is_origin_of(&self.server))
    }

    /// The pages that use the session: the server's own where no other does.
    pub(super) fn users(&self) -> impl Iterator<Item = &Address> {
        let own = self.others().next().is_none().then_some(&self.server);
        self.others().chain(own)
    }

    /// A page and the server.
    pub(super) fn pair<'a>(&'a self, page: &'a Address) -> Pair<'a> {
        Pair { page, server: &self.server, sites: &self.sites }
    }
}

/// A page, and the server that it calls.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) page: &'a Address,
    pub(super) server: &'a Address,
    pub(super) sites: &'a dyn SiteOf,
}

impl Pair<'_> {
    /// Whether the page is the server's own.
    pub(super) fn is_own(&self) -> bool {
        self.page.is_origin_of(self.server)
    }

    pub(super) fn is_same_site(&self, schemeful: bool) -> bool {
        is_same_site(self.page, self.server, schemeful, self.sites)
    }
}
