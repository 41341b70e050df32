//! From a page to a server of another site or another network: HT011, HT013, HT023, HT024, HT028, HT029, HT033.

use super::address::{Address, Space};
use super::code::Code;
use super::finding::{Cure, Finding};
use super::set_cookie::{SameSite, SetCookie};
use super::topology::{Pair, Topology};

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let server = topology.server.space();
    found.extend(topology.others().filter_map(|page| way(&topology.pair(page), page.space(), server)));
    found.extend(strict(&topology.cookie, topology.sign_in_elsewhere));
}

/// Whether a page on https calls a server on plain http: then nothing else matters.
pub(super) fn is_mixed(pair: &Pair) -> bool {
    pair.page.is_https() && !pair.server.is_trusted()
}

/// What blocks a call before anything is sent, from a page there to a server here.
pub(super) fn way(pair: &Pair, page_is: Space, server_is: Space) -> Option<Finding> {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    if is_mixed(pair) {
        let https = pair.server.over_https();
        return Some(Code::MixedContent.error(
            format!("The page `{page}` is on https and calls `{server}` on plain http."),
            Cure::new(
                format!("[site]\nurl = \"{https}\""),
                format!(
                    "Serve it as {https}: put a proxy with a certificate before it, and `app.set('trust proxy', 1)`."
                ),
            ),
        ));
    }
    if page_is == Space::Public && server_is != Space::Public && !same_host(pair) {
        return Some(Code::LocalNetwork.warning(
            format!("The page `{page}` is in the internet and calls `{server}`, which is on this machine or near it."),
            Cure::any(
                "Serve the page from the same network as the server, give the server an address in the internet, or \
                 tell visitors to allow \"Local network access\" for the page.",
            ),
        ));
    }
    None
}

/// `SameSite` keeps the cookie from the page's calls. Which of three reasons makes two sites of them?
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

/// A page and a server by names that belong to one site.
fn under_one_name(page: &str, server: &str) -> Cure {
    Cure::new(
        format!(
            "Open the page as {page}, and let it call {server}:\n\n[site]\nurl = \"{server}\"\nfront_ends = [\"{page}\"]"
        ),
        format!(
            "Open the page as {page}, let it call {server}, and `cors({{ origin: '{page}', credentials: true }})`."
        ),
    )
}

/// Two names of this machine, whatever the cookie is: nobody who writes one in the place of the other is let in.
pub(super) fn two_names(page: &Address, server: &Address) -> Option<Finding> {
    let two = page.is_loopback() && server.is_loopback() && page.host() != server.host();
    let what = format!(
        "`{}` and `{}` are two names of one machine and so two sites: one does not let pages of the other in.",
        page.origin(),
        server.origin()
    );
    two.then(|| Code::LoopbackNames.error(what, under_one_name(&page.origin(), &server.on_host_of(page))))
}

/// The cookie is a third party's.
pub(super) fn third_party(cookie: &SetCookie, pair: &Pair, who: &str) -> Finding {
    let what = format!(
        "To pages of `{}` the cookie `{}` of `{}` is a third party's and not `Partitioned`: it is withheld by {who}.",
        pair.page.origin(),
        cookie.name,
        pair.server.origin()
    );
    Code::ThirdParty.error(what, one_site())
}

/// What to do about two sites, the best first.
fn one_site() -> Cure {
    Cure::new(
        "Serve pages and server below one domain (app.example.com and api.example.com), or the server through the \
         page's own origin. Else leave the cookie to what follows from both addresses, one session for each site: \
         remove `session.same_site` and `session.partitioned`.",
        "Serve pages and server below one domain (app.example.com and api.example.com), or the server through the \
         page's own origin. Else, one session for each site: `session({ cookie: { sameSite: 'none', secure: true, \
         partitioned: true } })`.",
    )
}

/// A strict cookie, where visitors come from elsewhere.
pub(super) fn strict(cookie: &SetCookie, sign_in_elsewhere: bool) -> Option<Finding> {
    if cookie.same_site != Some(SameSite::Strict) {
        return None;
    }
    let cure = Cure::new("[session]\nsame_site = \"lax\"", "session({ cookie: { sameSite: 'lax' } })");
    let name = &cookie.name;
    Some(if sign_in_elsewhere {
        let what =
            format!("The cookie `{name}` is `SameSite=Strict`, and who comes back from a sign-in elsewhere lacks it.");
        Code::Strict.warning(what, cure)
    } else {
        let what =
            format!("The cookie `{name}` is `SameSite=Strict`: who arrives by a link is signed out on the first page.");
        Code::Strict.note(what, cure)
    })
}

fn same_host(pair: &Pair) -> bool {
    pair.page.host() == pair.server.host()
}
