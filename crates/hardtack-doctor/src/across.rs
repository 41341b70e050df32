//! Calls from a page to a server of another site or network: HT011, HT013, HT023, HT024, HT028, HT029, HT033.

use super::address::{Address, Space};
use super::browser::Browser;
use super::code::Code;
use super::cookie::list;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::{SameSite, SetCookie};
use super::topology::{Pair, Topology};

/// The decision of a browser about a page's call before anything is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// It is sent.
    Open,
    /// It is sent if the visitor allows it.
    Asked,
    /// A page on https calls plain http.
    Mixed,
    /// A page on the internet, over plain http, calls into the local network.
    Insecure,
}

impl Way {
    /// Returns whether the call can be sent.
    pub(super) const fn is_sent(self) -> bool {
        matches!(self, Self::Open | Self::Asked)
    }
}

/// Returns the browsers that, with their default settings, can send the call.
pub(super) fn senders(pair: &Pair, page_is: Space, server_is: Space) -> Vec<Browser> {
    Browser::USUAL.into_iter().filter(|browser| way(*browser, pair, page_is, server_is).is_sent()).collect()
}

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let server = topology.server.space();
    for page in topology.others() {
        found.extend(ways(&topology.pair(page), page.space(), server));
    }
    found.extend(strict(&topology.cookie, topology.sign_in_elsewhere));
}

/// Returns the decision of a browser about a call between a page and a server in these address spaces.
///
/// Source: the Mixed Content specification; the Local Network Access specification; Chromium 156.
pub(super) fn way(browser: Browser, pair: &Pair, page_is: Space, server_is: Space) -> Way {
    let near = page_is == Space::Public && server_is != Space::Public && !same_host(pair);
    let asks = near && browser.asks_for_local_network();
    // Only an IP address or a `.local` name shows that the server is near. Other names do not, because browsers block
    // plain http before they look a name up in the DNS.
    let shows = pair.server.space() == Space::Local
        && (pair.server.ip().is_some() || pair.server.host().rsplit('.').next() == Some("local"));
    let excepted = pair.server.is_trusted() || (shows && browser.asks_for_local_network());
    match () {
        () if asks && !pair.page.is_https() => Way::Insecure,
        () if pair.page.is_https() && !excepted => Way::Mixed,
        () if asks => Way::Asked,
        () => Way::Open,
    }
}

/// Returns the findings about a call that is blocked or delayed before anything is sent.
pub(super) fn ways(pair: &Pair, page_is: Space, server_is: Space) -> Vec<Finding> {
    let ways = Browser::USUAL.map(|browser| way(browser, pair, page_is, server_is));
    let mixed: Vec<_> = Browser::USUAL.iter().zip(ways).filter(|(_, way)| *way == Way::Mixed).collect();
    let mixed: Vec<_> = mixed.into_iter().map(|(browser, _)| browser.maker.to_string()).collect();
    let mut found = Vec::new();
    match ways[0] {
        Way::Mixed => found.push(mixed_content(pair, "browsers block it")),
        Way::Insecure => found.push(insecure(pair)),
        Way::Asked => found.push(local_network(pair)),
        Way::Open => {}
    }
    if ways[0] != Way::Mixed && !mixed.is_empty() {
        let who = format!("{} block it", list(&mixed));
        found.push(mixed_content(pair, &who).graded(Severity::Warning));
    }
    found
}

/// Returns the finding about a page on https that calls plain http.
pub(super) fn mixed_content(pair: &Pair, who: &str) -> Finding {
    let (page, server, https) = (pair.page.origin(), pair.server.origin(), pair.server.over_https());
    Code::MixedContent.error(
        format!("The page `{page}` is on https and calls `{server}` on plain http: {who}."),
        Cure::new(
            format!("[site]\nurl = \"{https}\""),
            format!(
                "Serve it as {https}: put a proxy with a certificate in front of it, and set `app.set('trust proxy', \
                 1)`."
            ),
        ),
    )
}

/// Returns the finding about a page on the internet that calls into the local network after asking the visitor.
pub(super) fn local_network(pair: &Pair) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    Code::LocalNetwork.warning(
        format!(
            "The page `{page}` is on the internet and calls `{server}`, which is on this machine or in the local \
             network: Chrome asks the visitor first."
        ),
        Cure::any(
            "Serve the page from the same network as the server, give the server an address on the internet, or tell \
             visitors to allow \"Local network access\" for the page.",
        ),
    )
}

/// Returns the finding about such a page on plain http, for which Chrome does not even ask the visitor.
pub(super) fn insecure(pair: &Pair) -> Finding {
    let (page, server, https) = (pair.page.origin(), pair.server.origin(), pair.page.over_https());
    Code::LocalNetwork.error(
        format!(
            "The page `{page}` is on the internet over plain http and calls `{server}`, which is on this machine or in \
             the local network: Chrome refuses the call without asking the visitor."
        ),
        Cure::any(format!(
            "Serve the page as {https}: then Chrome asks the visitor. Or serve it from the same network as the server, \
             or give the server an address on the internet."
        )),
    )
}

/// Returns the finding about a cookie that `SameSite` blocks on the page's calls, by the reason why page and server are
/// two sites: two names of one machine, two schemes, or two domains.
pub(super) fn cross_site(cookie: &SetCookie, pair: &Pair, who: &str) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    let same_site = cookie.same_site.unwrap_or(SameSite::Lax);
    let lost = format!("the cookie `{}`, `SameSite={same_site}`, is withheld by {who}", cookie.name);
    let (code, what, (page, server)) = if pair.page.is_loopback() && pair.server.is_loopback() && !same_host(pair) {
        let names = (pair.page.origin(), pair.server.on_host_of(pair.page));
        (
            Code::LoopbackNames,
            format!("`{page}` and `{server}` are two names of one machine and so two sites: {lost}."),
            names,
        )
    } else if pair.is_same_site(false) {
        let names = (pair.page.over_https(), pair.server.over_https());
        (
            Code::SchemesDiffer,
            format!("`{page}` and `{server}` differ in the scheme and so are two sites: {lost}."),
            names,
        )
    } else {
        return Code::CrossSite.error(format!("`{page}` and `{server}` are two sites: {lost}."), one_site());
    };
    code.error(what, under_one_name(&page, &server))
}

/// Returns the cure that opens the page and the server by names of one site.
fn under_one_name(page: &str, server: &str) -> Cure {
    Cure::new(
        format!(
            "Open the page as {page}, and let it call {server}:\n\n[site]\nurl = \"{server}\"\nfront_ends = \
             [\"{page}\"]"
        ),
        format!(
            "Open the page as {page}, let it call {server}, and `cors({{ origin: '{page}', credentials: true }})`."
        ),
    )
}

/// Returns a finding if page and server are two names of one machine. The attributes of the cookie do not matter here,
/// because CORS already blocks the page.
pub(super) fn two_names(page: &Address, server: &Address) -> Option<Finding> {
    let two = page.is_loopback() && server.is_loopback() && page.host() != server.host();
    let what = format!(
        "`{}` and `{}` are two names of one machine and so two sites: the server does not allow pages of the other \
         name.",
        page.origin(),
        server.origin()
    );
    two.then(|| Code::LoopbackNames.error(what, under_one_name(&page.origin(), &server.on_host_of(page))))
}

/// Returns the finding about a third-party cookie that a browser blocks.
pub(super) fn third_party(cookie: &SetCookie, pair: &Pair, who: &str) -> Finding {
    let what = format!(
        "For pages of `{}` the cookie `{}` of `{}` is a third-party cookie and not `Partitioned`: it is withheld by \
         {who}.",
        pair.page.origin(),
        cookie.name,
        pair.server.origin()
    );
    Code::ThirdParty.error(what, one_site())
}

/// Returns the cures for two sites, the best first.
fn one_site() -> Cure {
    Cure::new(
        "Serve the pages and the server below one domain (app.example.com and api.example.com), or serve both from the \
         page's origin. Otherwise remove `session.same_site` and `session.partitioned`: Hardtack then derives them \
         from both addresses, and there is one session for each site.",
        "Serve the pages and the server below one domain (app.example.com and api.example.com), or serve both from the \
         page's origin. Otherwise, with one session for each site: `session({ cookie: { sameSite: 'none', secure: \
         true, partitioned: true } })`.",
    )
}

/// Returns a finding if the cookie is `SameSite=Strict`: a warning if visitors sign in at another site and come back,
/// else a note.
pub(super) fn strict(cookie: &SetCookie, sign_in_elsewhere: bool) -> Option<Finding> {
    if cookie.same_site != Some(SameSite::Strict) {
        return None;
    }
    let cure = Cure::new("[session]\nsame_site = \"lax\"", "session({ cookie: { sameSite: 'lax' } })");
    let name = &cookie.name;
    Some(if sign_in_elsewhere {
        let what = format!(
            "The cookie `{name}` is `SameSite=Strict`: it is not sent when a visitor returns from a sign-in at another \
             site."
        );
        Code::Strict.warning(what, cure)
    } else {
        let what = format!(
            "The cookie `{name}` is `SameSite=Strict`: a visitor who arrives by a link is signed out on the first page."
        );
        Code::Strict.note(what, cure)
    })
}

fn same_host(pair: &Pair) -> bool {
    pair.page.host() == pair.server.host()
}
