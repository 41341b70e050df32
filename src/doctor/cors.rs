//! What the server allows to pages of other origins: HT002 to HT010, HT031.

use super::across;
use super::address::{Address, bare_address};
use super::answer;
use super::code::Code;
use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::topology::{Pair, Topology};
use super::tries::Tries;

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let Topology { server, cors, client, edge, .. } = topology;
    for page in topology.others() {
        let (origin, listed) = (page.origin(), &cors.origins);
        if !listed.contains(&origin) {
            let star = listed.iter().any(|entry| entry == "*");
            found.push(if star { wildcard(page, server) } else { other_origin(page, server, listed) });
        }
        if !cors.credentials {
            found.push(no_credentials(page, server));
        }
        if edge.proxy_adds_cors {
            found.push(two_origins(page, server));
        }
        for (kind, allowed, used) in
            [(List::Methods, &cors.methods, &client.methods), (List::Headers, &cors.headers, &client.headers)]
        {
            let asked: Vec<_> = used.iter().map(String::as_str).collect();
            let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
            found.extend(unlisted(kind, &allowed, &asked));
        }
    }
    found.extend(exposed(cors.exposed.iter().map(String::as_str)));
}

/// What the answers that were seen allow. The plain call comes first: a preflight can be judged only beside one that
/// works.
pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    let pair = evidence.pair();
    found.extend(any_origin(evidence));
    // An application that does not answer does not show which origins it allows.
    if pair.is_own() || answer::is_down(evidence) {
        return;
    }
    let preflights = || evidence.of(Step::Preflight);
    if let Some(redirect) = preflights().find(|exchange| exchange.is_redirect()) {
        let target = redirect.location().map_or_else(|| "elsewhere".to_owned(), bare_address);
        found.push(preflight_redirected(&pair, &target));
        return;
    }
    if let Some(finding) = evidence.reads().find_map(|exchange| read(exchange, &pair)) {
        found.push(finding);
        return;
    }
    found.extend(asked(evidence, &pair));
    for exchange in evidence.of(Step::Post).chain(evidence.of(Step::Error)) {
        // Where a path that does not exist is answered as well, a fallback speaks: of errors it says nothing.
        let fallback = exchange.step == Step::Error && exchange.status < 400;
        if !fallback && exchange.leaves().is_none() && read(exchange, &pair).is_some() {
            found.push(if exchange.status >= 400 {
                hidden(pair.page, &exchange.status.to_string(), &exchange.url)
            } else {
                not_let_in(pair.page, &exchange.url, &listed(exchange))
            });
        }
    }
    found
        .extend(exposed(evidence.exchanges.iter().flat_map(|exchange| exchange.list("access-control-expose-headers"))));
}

/// A server that lets in whatever page names itself.
fn any_origin(evidence: &Evidence) -> Option<Finding> {
    let stranger = evidence.stranger()?;
    let answer = evidence.of(Step::Stranger).next()?;
    read(answer, &Pair { page: &stranger, server: &evidence.url, sites: &evidence.sites }).is_none().then_some(())?;
    let taken = evidence.candidates().0;
    let with = answer.sent().map(|(name, _)| name).find(|name| taken.iter().any(|taken| taken == name));
    let (server, stranger) = (evidence.url.origin(), stranger.origin());
    let what = format!(
        "`{server}` lets in pages of `{stranger}`, which it cannot know: it allows each origin that asks, or each that begins so"
    );
    let page = if evidence.pair().is_own() { "https://app.example.com".to_owned() } else { evidence.page.origin() };
    let cure = Cure::new(
        format!("[site]\nfront_ends = [\"{page}\"]"),
        format!(
            "cors({{ origin: ['{page}'], credentials: true }}): a list of whole origins, and neither `true` nor an expression \
             without `^` and `$`."
        ),
    );
    Some(match with {
        Some(name) => Code::AnyOrigin.error(
            format!("{what}, and Chrome sends the cookie `{name}` along, so that any page can use the session."),
            cure,
        ),
        None => {
            Code::AnyOrigin.warning(format!("{what}. Only the cookie's own attributes keep its session from it."), cure)
        }
    })
}

/// Why a page may not read an answer, if it may not. Source: the Fetch standard, CORS check.
pub(super) fn read(exchange: &Exchange, pair: &Pair) -> Option<Finding> {
    let origins: Vec<_> = exchange.all("access-control-allow-origin").collect();
    let server = &exchange.url;
    match origins[..] {
        ["*"] => Some(wildcard(pair.page, server)),
        [one] if one.contains(',') => Some(two_origins(pair.page, server)),
        [one] if one == pair.page.origin() => {
            let allowed = exchange.all("access-control-allow-credentials").collect::<Vec<_>>() == ["true"];
            (!allowed).then(|| no_credentials(pair.page, server))
        }
        [] | [_] => Some(not_let_in(pair.page, server, &listed(exchange))),
        _ => Some(two_origins(pair.page, server)),
    }
}

/// Why the page's question before a call fails, if it does.
pub(super) fn asked(evidence: &Evidence, pair: &Pair) -> Option<Finding> {
    let silent = evidence.unanswered.iter().find(|(step, _)| *step == Step::Preflight);
    match (silent, evidence.of(Step::Preflight).next()) {
        (Some((_, failure)), _) => {
            let finding = preflight_unanswered(pair, &format!("not at all, as {failure}"));
            Some(if failure.is_ours() { finding.graded(Severity::Warning) } else { finding })
        }
        (None, answer) => answer.and_then(|exchange| preflight(exchange, pair)),
    }
}

/// Why a preflight allows too little, if it does.
fn preflight(exchange: &Exchange, pair: &Pair) -> Option<Finding> {
    let fails = !(200..300).contains(&exchange.status);
    if fails || exchange.one("access-control-allow-origin").is_none() {
        return Some(preflight_unanswered(pair, &format!("with {} and without what it asks for", exchange.status)));
    }
    let asked = |name: &'static str| exchange.asked(name).collect::<Vec<_>>();
    let listed = |name: &'static str| exchange.list(name).collect::<Vec<_>>();
    let methods =
        || unlisted(List::Methods, &listed("access-control-allow-methods"), &asked("access-control-request-method"));
    let headers =
        || unlisted(List::Headers, &listed("access-control-allow-headers"), &asked("access-control-request-headers"));
    read(exchange, pair).or_else(methods).or_else(headers)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum List {
    Methods,
    Headers,
}

/// The first method or header that is in use and not allowed.
fn unlisted(kind: List, allowed: &[&str], used: &[&str]) -> Option<Finding> {
    let always: &[&str] = match kind {
        List::Methods => &["GET", "HEAD", "POST"],
        List::Headers => &["accept", "accept-language", "content-language", "range"],
    };
    // Methods are compared with case, headers without.
    let same = |one: &str, other: &str| match kind {
        List::Methods => one == other,
        List::Headers => one.eq_ignore_ascii_case(other),
    };
    let fits = |name: &str| always.iter().chain(allowed).any(|one| same(one, name));
    let missing = used.iter().find(|name| !fits(name))?;
    let mut all: Vec<_> = allowed.iter().filter(|name| **name != "*").copied().collect();
    all.push(missing);
    let (word, header, setting, option) = match kind {
        List::Methods => ("method", "Access-Control-Allow-Methods", "methods", "methods"),
        List::Headers => ("header", "Access-Control-Allow-Headers", "headers", "allowedHeaders"),
    };
    let quoted = |quote: &str| all.iter().map(|name| format!("{quote}{name}{quote}")).collect::<Vec<_>>().join(", ");
    let cure = Cure::new(
        format!("[cors]\n{setting} = [{}]", quoted("\"")),
        format!("cors({{ {option}: [{}], credentials: true, … }})", quoted("'")),
    );
    Some(if allowed.contains(&"*") {
        let what =
            format!("`{header}` is `*`, which means nothing beside cookies: the {word} `{missing}` is not allowed.");
        Code::WildcardList.error(what, cure)
    } else {
        Code::Unlisted.error(format!("`{header}` does not list the {word} `{missing}`, which the page uses."), cure)
    })
}

/// The examination's calls are answered, and the same by the application's own client is not.
pub(super) fn not_as_examined(pair: &Pair) -> Finding {
    Code::Unlisted.error(
        format!(
            "`{}` answers the examination, and not the application's own call from `{}`: that one uses a method or a header \
             that is not listed, or fails by itself.",
            pair.server.origin(),
            pair.page.origin()
        ),
        Cure::new(
            "[cors]\nheaders = [\"content-type\", \"x-the-one-that-the-application-sends\"]",
            "cors({ allowedHeaders: ['content-type', 'x-the-one-that-the-application-sends'], credentials: true, … })",
        ),
    )
}

fn wildcard(page: &Address, server: &Address) -> Finding {
    let what = format!("`{}` answers `Access-Control-Allow-Origin: *`, and not `{}`.", server.origin(), page.origin());
    Code::Wildcard.error(what, named(page))
}

pub(super) fn no_credentials(page: &Address, server: &Address) -> Finding {
    let what = format!(
        "`{}` does not answer `Access-Control-Allow-Credentials: true` to pages of `{}`.",
        server.origin(),
        page.origin()
    );
    Code::NoCredentials.error(what, named(page))
}

fn two_origins(page: &Address, server: &Address) -> Finding {
    let what =
        format!("`{}` answers `Access-Control-Allow-Origin` twice to pages of `{}`.", server.origin(), page.origin());
    let cure = "Let one of them speak, the application: in nginx remove `add_header Access-Control-…`, in Caddy \
                `header \
                Access-Control-…`.";
    Code::TwoOrigins.error(what, Cure::any(cure))
}

/// The server lists the page, and its answer does not arrive as it was sent.
pub(super) fn on_the_way(pair: &Pair, tries: &Tries) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    let what = |call: &str| {
        format!(
            "`{server}` lists `{page}`, and {call} is not answered as it answers: something on the way does, or takes its \
             headers away, adds them twice, or leads elsewhere."
        )
    };
    let look = Cure::any(format!(
        "See what arrives, and what of it the server itself has said:\n\nhardtack doctor {server}/api/session --origin {page}"
    ));
    if tries.plain.failed() {
        Code::OtherOrigin.error(what("a call without cookies"), look)
    } else if tries.credentialed.failed() {
        Code::NoCredentials.error(what("a call with cookies"), look)
    } else {
        Code::Preflight.error(what("a call with JSON"), look)
    }
}

/// The server's own page, by an address that is not the server's.
pub(super) fn another_address(pair: &Pair) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    Code::OtherOrigin.error(
        format!(
            "This page was opened as `{page}`, and the server is `{server}`: it takes its own page for somebody else's."
        ),
        Cure::any(format!(
            "Open it as `{server}`. If browsers are to come to `{page}`, that is what `site.url` must say."
        )),
    )
}

/// An answer that the page may not read.
pub(super) fn not_let_in(page: &Address, server: &Address, listed: &[String]) -> Finding {
    across::two_names(page, server).unwrap_or_else(|| other_origin(page, server, listed))
}

fn other_origin(page: &Address, server: &Address, listed: &[String]) -> Finding {
    let origin = page.origin();
    let instead = match nearest(&origin, listed) {
        Some(entry) => format!("it allows `{entry}`"),
        None => "its answers do not name it".to_owned(),
    };
    Code::OtherOrigin
        .error(format!("`{}` does not allow pages of `{origin}`: {instead}.", server.origin()), named(page))
}

pub(super) fn preflight_unanswered(pair: &Pair, how: &str) -> Finding {
    let (server, origin) = (pair.server.origin(), pair.page.origin());
    Code::Preflight.error(
        format!("`{server}` answers the preflight of `{origin}` {how}."),
        Cure::new(
            format!("[site]\nfront_ends = [\"{origin}\"]\n\nA proxy before the server must hand `OPTIONS` on."),
            format!(
                "app.use(cors({{ origin: '{origin}', credentials: true }})) before every other `app.use`, sign-in and \
                 routers; a proxy before it must hand `OPTIONS` on."
            ),
        ),
    )
}

fn preflight_redirected(pair: &Pair, target: &str) -> Finding {
    Code::PreflightRedirected.error(
        format!("`{}` redirects the preflight of `{}` to `{target}`.", pair.server, pair.page.origin()),
        Cure::any(
            "Let the page call the address that the redirect leads to: https, with or without the `/` at the end.",
        ),
    )
}

pub(super) fn hidden(page: &Address, answer: &str, url: &Address) -> Finding {
    let origin = page.origin();
    Code::ErrorsHidden.error(
        format!("The {answer} of `{url}` lacks the CORS headers, so pages of `{origin}` cannot read it."),
        Cure::new(
            "Put `origins.guard()` outside of every layer that answers errors. If a proxy answers, add the headers \
             there for errors: nginx `add_header … always`.",
            format!(
                "app.use(cors({{ origin: '{origin}', credentials: true }})) before everything that can fail; if a \
                 proxy answers, add the headers there for errors: nginx `add_header … always`."
            ),
        ),
    )
}

fn exposed<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Finding> {
    let listed = names.any(|name| name.eq_ignore_ascii_case("set-cookie") || name.eq_ignore_ascii_case("set-cookie2"));
    listed.then(|| {
        Code::ExposedSetCookie.warning(
            "`Access-Control-Expose-Headers` lists `set-cookie`, which no script can read.",
            Cure::new(
                "[cors]\nexpose = [\"retry-after\"]",
                "Remove `'set-cookie'` from `cors({ exposedHeaders: […] })`.",
            ),
        )
    })
}

/// The page's origin, named.
fn named(page: &Address) -> Cure {
    let origin = page.origin();
    Cure::new(
        format!("[site]\nfront_ends = [\"{origin}\"] # beside the others"),
        format!("app.use(cors({{ origin: '{origin}', credentials: true }}))"),
    )
}

fn listed(exchange: &Exchange) -> Vec<String> {
    exchange.all("access-control-allow-origin").map(str::to_owned).collect()
}

/// The entry that begins and ends most like an origin.
fn nearest<'a>(origin: &str, listed: &'a [String]) -> Option<&'a String> {
    let alike = |entry: &&String| {
        let same = |(one, other): &(u8, u8)| one.eq_ignore_ascii_case(other);
        let begin = origin.bytes().zip(entry.bytes()).take_while(same).count();
        let end = origin.bytes().rev().zip(entry.bytes().rev()).take_while(same).count();
        begin + end
    };
    listed.iter().max_by_key(alike)
}
