//! CORS, the permissions that a server gives to pages of other origins: HT002 to HT010, HT031, HT049.

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

/// Adds the findings about the CORS headers of the responses. The simple calls come first, because a preflight can be
/// judged only if they work.
pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    let pair = evidence.pair();
    found.extend(any_origin(evidence));
    // The response of a proxy does not show which origins the application allows.
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
        // A success at the URL that does not exist comes from a fallback page, so it shows nothing about errors.
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

/// Returns the finding if the server allows pages of an origin that it cannot know.
fn any_origin(evidence: &Evidence) -> Option<Finding> {
    let stranger = evidence.stranger()?;
    let answer = evidence.of(Step::Stranger).next()?;
    read(answer, &Pair { page: &stranger, server: &evidence.url, sites: &evidence.sites }).is_none().then_some(())?;
    let taken = evidence.candidates().0;
    let with = answer.sent().map(|(name, _)| name).find(|name| taken.iter().any(|taken| taken == name));
    let (server, stranger) = (evidence.url.origin(), stranger.origin());
    let what = format!(
        "`{server}` allows pages of `{stranger}`, an origin that it cannot know: it allows every origin, or every one \
         that begins like the page's"
    );
    let page = if evidence.pair().is_own() { "https://app.example.com".to_owned() } else { evidence.page.origin() };
    let cure = Cure::new(
        format!("[site]\nfront_ends = [\"{page}\"]"),
        format!(
            "cors({{ origin: ['{page}'], credentials: true }}): a list of complete origins, and neither `true` nor a \
             regular expression without `^` and `$`."
        ),
    );
    Some(match with {
        Some(name) => Code::AnyOrigin.error(
            format!("{what}, and Chrome sends the cookie `{name}` from there, so any page can use the session."),
            cure,
        ),
        None => {
            Code::AnyOrigin.warning(format!("{what}. Only the attributes of the cookie protect its session."), cure)
        }
    })
}

/// Returns the finding if a page may not read a response. Source: the Fetch standard, CORS check.
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

/// Returns the finding if the page's preflight fails or has no response.
pub(super) fn asked(evidence: &Evidence, pair: &Pair) -> Option<Finding> {
    let silent = evidence.unanswered.iter().find(|(step, _)| *step == Step::Preflight);
    match (silent, evidence.of(Step::Preflight).next()) {
        (Some((_, failure)), _) => {
            let finding = preflight_unanswered(pair, &format!("it sends no response ({failure})"));
            Some(if failure.is_ours() { finding.graded(Severity::Warning) } else { finding })
        }
        (None, answer) => answer.and_then(|exchange| preflight(exchange, pair)),
    }
}

/// Returns the finding if the response to a preflight does not allow the page's call.
fn preflight(exchange: &Exchange, pair: &Pair) -> Option<Finding> {
    let fails = !(200..300).contains(&exchange.status);
    if fails || exchange.one("access-control-allow-origin").is_none() {
        return Some(preflight_unanswered(
            pair,
            &format!("it answers {} and does not allow the call", exchange.status),
        ));
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

/// Returns the finding about the first method or header that the page uses and the server does not allow.
fn unlisted(kind: List, allowed: &[&str], used: &[&str]) -> Option<Finding> {
    let always: &[&str] = match kind {
        List::Methods => &["GET", "HEAD", "POST"],
        List::Headers => &["accept", "accept-language", "content-language", "range"],
    };
    // Methods are case-sensitive, header names are not.
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
        let what = format!(
            "`{header}` is `*`, which is no wildcard for calls with cookies: the {word} `{missing}` is not allowed."
        );
        Code::WildcardList.error(what, cure)
    } else {
        Code::Unlisted.error(format!("`{header}` does not list the {word} `{missing}`, which the page uses."), cure)
    })
}

/// Returns the finding if the doctor's own calls succeed, but the same call by the application's client fails.
pub(super) fn not_as_examined(pair: &Pair) -> Finding {
    Code::Unlisted.error(
        format!(
            "`{}` answers the doctor's calls, but not the application's own call from `{}`: that call uses a method or \
             a header that is not listed, or fails for a reason of its own.",
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
        "`{}` does not send `Access-Control-Allow-Credentials: true` to pages of `{}`.",
        server.origin(),
        page.origin()
    );
    Code::NoCredentials.error(what, named(page))
}

fn two_origins(page: &Address, server: &Address) -> Finding {
    let what =
        format!("`{}` sends `Access-Control-Allow-Origin` twice to pages of `{}`.", server.origin(), page.origin());
    let cure = "Let only the application send the header: in nginx remove `add_header Access-Control-…`, in Caddy \
                `header Access-Control-…`.";
    Code::TwoOrigins.error(what, Cure::any(cure))
}

/// Returns the finding if the server lists the page, but a program between browser and server changes the response.
pub(super) fn on_the_way(pair: &Pair, tries: &Tries) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    let what = |call: &str| {
        format!(
            "`{server}` lists `{page}`, but the response to {call} is not its own: something between browser and \
             server answers instead, removes the headers, adds them twice, or redirects."
        )
    };
    let look = Cure::any(format!(
        "Compare the response that arrives with the one that the server sends:\n\nhardtack doctor {server}/api/session \
         --origin {page}"
    ));
    if tries.plain.failed() {
        Code::OtherOrigin.error(what("a call without cookies"), look)
    } else if tries.credentialed.failed() {
        Code::NoCredentials.error(what("a call with cookies"), look)
    } else {
        Code::Preflight.error(what("a call with JSON"), look)
    }
}

/// Returns the finding if the server's own page was opened at an origin that is not the server's.
pub(super) fn another_address(pair: &Pair) -> Finding {
    let (page, server) = (pair.page.origin(), pair.server.origin());
    Code::OtherOrigin.error(
        format!(
            "This page was opened as `{page}`, but the server's origin is `{server}`: it treats its own page as \
             another origin's."
        ),
        Cure::any(format!("Open the page as `{server}`. If browsers should use `{page}`, set `site.url` to it.")),
    )
}

/// Returns the finding about a response that does not name the page's origin.
pub(super) fn not_let_in(page: &Address, server: &Address, listed: &[String]) -> Finding {
    across::two_names(page, server).unwrap_or_else(|| other_origin(page, server, listed))
}

fn other_origin(page: &Address, server: &Address, listed: &[String]) -> Finding {
    let origin = page.origin();
    let instead = match nearest(&origin, listed) {
        Some(entry) => format!("it allows `{entry}`"),
        None => "its responses do not name that origin".to_owned(),
    };
    Code::OtherOrigin
        .error(format!("`{}` does not allow pages of `{origin}`: {instead}.", server.origin()), named(page))
}

pub(super) fn preflight_unanswered(pair: &Pair, how: &str) -> Finding {
    let (server, origin) = (pair.server.origin(), pair.page.origin());
    Code::Preflight.error(
        format!("`{server}` fails the preflight of `{origin}`: {how}."),
        Cure::new(
            format!("[site]\nfront_ends = [\"{origin}\"]\n\nA proxy in front of the server must forward `OPTIONS`."),
            format!(
                "app.use(cors({{ origin: '{origin}', credentials: true }})) before every other `app.use`, sign-in and \
                 routers; a proxy in front of it must forward `OPTIONS`."
            ),
        ),
    )
}

fn preflight_redirected(pair: &Pair, target: &str) -> Finding {
    Code::PreflightRedirected.error(
        format!("`{}` redirects the preflight of `{}` to `{target}`.", pair.server, pair.page.origin()),
        Cure::any("Let the page call the target of the redirect: https, with or without the `/` at the end."),
    )
}

pub(super) fn hidden(page: &Address, answer: &str, url: &Address) -> Finding {
    let origin = page.origin();
    Code::ErrorsHidden.error(
        format!("The {answer} of `{url}` lacks the CORS headers, so pages of `{origin}` cannot read it."),
        Cure::new(
            "Put `origins.guard()` outside every layer that can answer with an error. If a proxy answers, add the \
             headers there for errors too: nginx `add_header … always`.",
            format!(
                "app.use(cors({{ origin: '{origin}', credentials: true }})) before everything that can fail; if a \
                 proxy answers, add the headers there for errors too: nginx `add_header … always`."
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

/// Returns the cure that lists the page's origin.
fn named(page: &Address) -> Cure {
    let origin = page.origin();
    Cure::new(
        format!("[site]\nfront_ends = [\"{origin}\"] # in addition to the others"),
        format!("app.use(cors({{ origin: '{origin}', credentials: true }}))"),
    )
}

fn listed(exchange: &Exchange) -> Vec<String> {
    exchange.all("access-control-allow-origin").map(str::to_owned).collect()
}

/// Returns the entry that begins and ends most like an origin.
fn nearest<'a>(origin: &str, listed: &'a [String]) -> Option<&'a String> {
    let alike = |entry: &&String| {
        let same = |(one, other): &(u8, u8)| one.eq_ignore_ascii_case(other);
        let begin = origin.bytes().zip(entry.bytes()).take_while(same).count();
        let end = origin.bytes().rev().zip(entry.bytes().rev()).take_while(same).count();
        begin + end
    };
    listed.iter().max_by_key(alike)
}
