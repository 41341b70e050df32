//! Tests of calls without a response, redirected calls, and responses without a cookie.

use super::played::accepted;
use super::probes::{COOKIE, NOW, PAGE, URL, answer, healthy, near, set};
use super::*;

/// Returns healthy evidence in which the calls of one step have no response.
fn unanswered(step: Step, failure: Failure) -> Evidence {
    near(|it| {
        it.exchanges.retain(|exchange| exchange.step != step);
        it.unanswered.push((step, failure));
    })
}

#[test]
fn a_preflight_that_nobody_answers_is_the_cause_and_breaks_its_hop() {
    let evidence = unanswered(Step::Preflight, Failure::Silent);
    let [finding] = &diagnose(&evidence)[..] else { panic!("{:#?}", diagnose(&evidence)) };
    assert!(finding.code == Code::Preflight && finding.what.contains("no response (no connection was made in time)"));
    assert!(verdicts(&evidence).iter().all(|verdict| verdict.broken().is_some_and(|(hop, _)| hop == Hop::Ask)));
}

#[test]
fn another_call_without_an_answer_is_warned_about() {
    let evidence = unanswered(Step::Post, Failure::Broken);
    let [finding] = &diagnose(&evidence)[..] else { panic!("{:#?}", diagnose(&evidence)) };
    assert_eq!((finding.code, finding.severity), (Code::Unreachable, Severity::Warning));
    assert!(finding.what.contains("(post of JSON)"), "{finding}");
}

#[test]
fn an_express_that_sets_no_cookie_is_told_from_a_server_that_need_not() {
    let silent = |name: Option<&str>, powered: &[&str]| {
        let mut evidence = healthy("http://localhost:5173", "http://localhost:3000/session", "");
        set(&mut evidence, None, "x-powered-by", powered);
        evidence.cookie = name.map(str::to_owned);
        diagnose(&evidence)
    };
    for (name, powered, severity, words) in [
        (None, &[][..], Severity::Note, "there is no session to judge"),
        (None, &["Express"], Severity::Warning, "on plain http Express sets none"),
        (Some("sid"), &["Express"], Severity::Error, "on plain http Express sets none"),
        (Some("sid"), &[], Severity::Error, "does not set the cookie `sid`"),
    ] {
        let found = silent(name, powered);
        let [finding] = &found[..] else { panic!("{found:#?}") };
        assert_eq!((finding.code, finding.severity), (Code::NoCookie, severity));
        assert!(finding.what.contains(words), "{finding}");
    }
}

#[test]
fn a_post_that_is_redirected_becomes_what_browsers_make_of_it() {
    for (status, location, becomes) in [
        (301, "/elsewhere", Some("GET")),
        (303, "/elsewhere", Some("GET")),
        (308, "/elsewhere", Some("POST")),
        (302, "https://login.example.net/", Some("GET")),
        // Not followed, because a browser would first send another preflight.
        (307, "https://login.example.net/", None),
        (200, "/elsewhere", None),
    ] {
        let evidence = near(|it| answer(it, Step::Post, status, location));
        let hop = evidence.exchanges.iter().find(|exchange| exchange.step == Step::Post).expect("a post");
        let ask = evidence.follow(hop, NOW);
        assert_eq!(ask.as_ref().map(|ask| ask.method.as_str()), becomes, "{status} {location}");
        let json = ask.is_some_and(|ask| ask.headers.iter().any(|(name, _)| *name == "content-type"));
        assert_eq!(json, becomes == Some("POST"), "{status} {location}");
    }
    let evidence = near(|it| answer(it, Step::Preflight, 308, "/elsewhere"));
    assert!(evidence.follow(&evidence.exchanges[0], NOW).is_none(), "redirects of preflights are not followed");
}

#[test]
fn the_method_that_was_asked_for_comes_second_and_needs_leave_where_browsers_ask_for_it() {
    let asked = |page: &str, method: &str| {
        let mut evidence = Evidence::new(address(page), address(URL), Sites::default());
        evidence.method = Some(method.to_owned());
        let asks: Vec<_> = evidence.steps().map(|step| evidence.ask(step, NOW)).collect();
        let header =
            |ask: &Ask, name: &str| ask.headers.iter().find(|(known, _)| *known == name).map(|it| it.1.clone());
        let methods: Vec<_> = asks.iter().map(|ask| ask.method.clone()).collect();
        let leave = header(&asks[0], "access-control-request-method");
        let bodies: Vec<_> = asks.iter().filter(|ask| !ask.body.is_empty()).map(|ask| ask.method.clone()).collect();
        (methods.join(" "), leave, bodies.join(" "), header(&asks[0], "access-control-request-headers").is_some())
    };
    let own = "https://api.example.com";
    for (page, method, methods, leave, bodies, json) in [
        (PAGE, "PUT", "OPTIONS GET PUT GET GET GET GET", Some("PUT"), "PUT", true),
        (PAGE, "POST", "OPTIONS GET POST GET GET GET GET", Some("POST"), "POST", true),
        (PAGE, "patch", "OPTIONS GET patch GET GET GET GET", Some("patch"), "patch", true),
        (PAGE, "DELETE", "OPTIONS GET DELETE GET GET GET GET", Some("DELETE"), "", false),
        (PAGE, "HEAD", "GET HEAD GET GET GET GET", None, "", false),
        (PAGE, "GET", "GET GET GET GET GET", None, "", false),
        (own, "PUT", "GET PUT GET GET GET GET", None, "PUT", false),
    ] {
        let expected = (methods.to_owned(), leave.map(str::to_owned), bodies.to_owned(), json);
        assert_eq!(asked(page, method), expected, "{page} {method}");
    }
}

#[test]
fn a_stranger_brings_along_what_chrome_would_send_from_its_page() {
    let asks = |cookie: &str| {
        let ask = healthy(PAGE, URL, cookie).ask(Step::Stranger, NOW);
        let cookie = ask.headers.iter().find(|(name, _)| *name == "cookie").map(|(_, value)| value.clone());
        assert!(ask.headers.contains(&("origin", "https://app.example.com.hardtack-doctor.invalid".to_owned())));
        cookie
    };
    assert_eq!(asks(COOKIE), None, "`SameSite=Lax`");
    assert_eq!(
        asks("sid=hush; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"),
        None,
        "another page's partition"
    );
    assert_eq!(asks("sid=hush; Path=/; HttpOnly; Secure; SameSite=None").as_deref(), Some("sid=hush"));
    let at = |page: &str| Evidence::new(address(page), address(URL), Sites::default()).ask(Step::Stranger, NOW);
    assert!(at("http://127.0.0.1:1").headers.contains(&("origin", "https://hardtack-doctor.invalid".to_owned())));
}

#[test]
fn what_a_browser_would_not_send_is_not_asked() {
    let steps = |page: &str, url: &str| {
        let evidence = Evidence::new(address(page), address(url), Sites::default());
        (evidence.is_sent(), evidence.steps().next())
    };
    assert_eq!(steps(PAGE, URL), (true, Some(Step::Preflight)));
    assert_eq!(steps("https://api.example.com", URL), (true, Some(Step::First)), "own pages need no preflight");
    assert_eq!(steps(PAGE, "http://api.example.com"), (false, Some(Step::Preflight)));
    assert_eq!(steps(PAGE, "http://localhost:3000"), (true, Some(Step::Preflight)));
}

#[test]
fn whatever_repeats_a_cookie_is_hidden() {
    let secret = "__Host-sid=a-long-secret; Path=/; HttpOnly; Secure; SameSite=Lax";
    let mut evidence = healthy(PAGE, URL, secret);
    set(&mut evidence, Some(Step::Again), "x-seen", &["__Host-sid=a-long-secret"]);
    let hide = evidence.hider();
    for exchange in &evidence.exchanges {
        let [asked, told] = exchange.told();
        for (name, value) in asked.into_iter().chain(told) {
            assert!(!hide(&value).contains("a-long-secret"), "{name}: {value}");
        }
    }
    assert_eq!(hide("x a-long-secret y"), "x … y");
    let hide = healthy(PAGE, URL, "__Host-sid=back\\slash-1815; Path=/; Secure").hider();
    assert_eq!(hide(r"x back\slash-1815 y, as reports write it: back\\slash-1815"), "x … y, as reports write it: …");
}

#[test]
fn a_redirect_to_what_does_not_answer_is_no_session_that_holds() {
    let mut evidence = near(|it| answer(it, Step::First, 302, "/moved;jsessionid=hush"));
    evidence.unanswered.push((Step::First, Failure::Broken));
    let found = diagnose(&evidence);
    let finding = found.iter().find(|finding| finding.code == Code::DeadEnd).expect("HT048");
    assert!(finding.what.contains("`https://api.example.com/moved;…`, which sends no response"), "{finding}");
    assert!(verdicts(&evidence).iter().all(|verdict| verdict.broken().is_some()));
}

#[test]
fn two_cookies_of_one_name_that_never_meet_are_not_spoken_of() {
    let twice = |lines: [&str; 2]| {
        let evidence = near(|it| set(it, Some(Step::First), "set-cookie", &lines));
        diagnose(&evidence).into_iter().filter(|finding| finding.code == Code::SharedName).count()
    };
    let here = "sid=one; Path=/; Secure; HttpOnly";
    assert_eq!(twice([here, "sid=two; Path=/admin; Secure; HttpOnly"]), 0, "another path");
    assert_eq!(twice([here, "sid=two; Path=/; Domain=example.com; Secure; HttpOnly"]), 1, "both go along");
    assert_eq!(twice([here, "sid=two; Path=/; Secure; HttpOnly"]), 1, "the last one counts");
    assert_eq!(twice([here, "sid=; Max-Age=0; Path=/; Domain=example.com; Secure; HttpOnly"]), 0, "a removal");
}

#[test]
fn words_are_not_taken_for_secrets() {
    let cookies =
        ["__Host-sid=A1b2C3d4; Path=/; Secure", "consent=accepted; Path=/", "host=app.example-shop.com; Path=/"];
    let evidence = near(|it| set(it, Some(Step::First), "set-cookie", &cookies));
    let text = "the certificate is accepted at https://app.example-shop.example, /s/A1b2C3d4/x";
    assert_eq!((evidence.hider())(text), text.replace("A1b2C3d4", "…"));
}

#[test]
fn a_certificate_of_tomorrow_is_not_accepted_today() {
    let evidence = near(|it| it.tls.iter_mut().for_each(|tls| tls.begun = false));
    assert!(!evidence.tls.as_ref().is_some_and(TlsSeen::is_accepted));
    assert!(matches!(&diagnose(&evidence)[..], [Finding { code: Code::Certificate, .. }]));
    assert!(healthy(PAGE, URL, COOKIE).tls.is_some_and(|tls| tls.is_accepted()));
}

#[test]
fn a_cure_fits_into_one_line() {
    let line = |hardtack: &str| Cure { hardtack: hardtack.to_owned(), express: String::new() }.line();
    assert_eq!(line("[session]\npath = \"/\""), "session.path = \"/\"");
    assert_eq!(line("[site]\nurl = \"a\"\n\n[tls]\nmode = \"b\""), "site.url = \"a\"; tls.mode = \"b\"");
    assert_eq!(line("On all:\n\n[store]\nurl = \"a\""), "On all: store.url = \"a\"");
    assert_eq!(line("[site]\nurl = \"a\"\n\nA proxy must."), "site.url = \"a\"; A proxy must.");
    assert_eq!(line("Leave `x = y` out."), "Leave `x = y` out.");
}

#[test]
fn a_missing_certificate_of_the_chain_excuses_no_other_fault() {
    let seen = |change: fn(&mut TlsSeen)| {
        let mut tls = TlsSeen { trusted: false, incomplete: true, ..accepted() };
        change(&mut tls);
        let mut evidence = Evidence::new(address(PAGE), address(URL), Sites::default());
        evidence.tls = Some(tls);
        let refused = diagnose(&evidence).iter().any(|finding| finding.severity == Severity::Error);
        (refused, verdicts(&evidence)[0].broken().is_some())
    };
    assert_eq!(seen(|_| ()), (false, false), "browsers fetch it");
    assert_eq!(seen(|tls| tls.term.left = -1), (true, true));
    assert_eq!(seen(|tls| tls.names_host = false), (true, true));
    assert_eq!(seen(|tls| tls.begun = false), (true, true));
}
