//! Settings that are valid by themselves but would break the site or its guarantees. Each is refused with an error that
//! names the setting, the reason and the cure.

use hardtack::server::settings::Settings;

/// Loads these settings, named without `HARDTACK_`, or returns the error.
fn load(settings: &[(&str, &str)]) -> Result<Settings, String> {
    let env = settings.iter().map(|(name, value)| (format!("HARDTACK_{name}"), (*value).to_owned()));
    Settings::load(None, env).map_err(|error| error.to_string())
}

fn is_refused(settings: &[(&str, &str)], about: &str) {
    match load(settings) {
        Ok(_) => panic!("{settings:?} were taken"),
        Err(sentence) => {
            assert!(
                sentence.starts_with(&format!("`{about}` is ")) || sentence.starts_with(&format!("`{about}` names "))
            );
            assert!(sentence.contains("; ") && sentence.ends_with('.') && sentence.lines().count() == 1, "{sentence}");
        }
    }
}

fn is_taken(settings: &[(&str, &str)]) -> Settings {
    load(settings).unwrap_or_else(|sentence| panic!("{settings:?}: {sentence}"))
}

#[test]
fn the_proxies_that_are_believed_are_not_everybody() {
    for all in ["0.0.0.0/0", "::/0", "10.0.0.1,::/0", "0.0.0.0/1,128.0.0.0/1", "8000::/1, ::/1"] {
        is_refused(&[("SITE_TRUSTED_PROXIES", all)], "site.trusted_proxies");
    }
    for some in ["", "10.0.0.10", "10.0.0.0/8,fd00::/8", "0.0.0.0/1"] {
        is_taken(&[("SITE_TRUSTED_PROXIES", some)]);
    }
}

#[test]
fn two_listeners_have_two_addresses() {
    let https = [("SITE_URL", "https://localhost:3000"), ("TLS_MODE", "local")];
    for (site, other) in [
        ("127.0.0.1:3000", "127.0.0.1:3000"),
        ("0.0.0.0:3000", "127.0.0.1:3000"),
        ("127.0.0.1:3000", "0.0.0.0:3000"),
        ("[::]:3000", "[::1]:3000"),
    ] {
        is_refused(&[("SITE_LISTEN", site), ("METRICS_LISTEN", other)], "metrics.listen");
        is_refused(
            &[&https[..], &[("SITE_LISTEN", site), ("TLS_REDIRECT_LISTEN", other)]].concat(),
            "tls.redirect_listen",
        );
        let beside = [("SITE_LISTEN", "127.0.0.1:1"), ("TLS_REDIRECT_LISTEN", site), ("METRICS_LISTEN", other)];
        is_refused(&[&https[..], &beside].concat(), "metrics.listen");
    }
    for (site, metrics) in [
        ("127.0.0.1:3000", "127.0.0.1:9090"),
        ("127.0.0.1:3000", "127.0.0.2:3000"),
        ("127.0.0.1:3000", "[::1]:3000"),
        // Port 0 gives each listener a free port.
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        is_taken(&[("SITE_LISTEN", site), ("METRICS_LISTEN", metrics)]);
    }
}

#[test]
fn times_that_nobody_can_keep_or_would_wait_for_are_refused() {
    for (name, about, refused, taken) in [
        ("SESSION_ROTATION_GRACE", "session.rotation_grace", &["400d", "601s"][..], &["1ms", "10m"][..]),
        ("STORE_TIMEOUT", "store.timeout", &["1ms", "61s", "10d"], &["10ms", "60s"]),
        ("LIMITS_HEADER_TIMEOUT", "limits.header_timeout", &["1ms", "99ms"], &["100ms", "1h"]),
        ("LIMITS_BODY_TIMEOUT", "limits.body_timeout", &["1ms", "99ms"], &["100ms", "1h"]),
        ("LIMITS_REQUEST_TIMEOUT", "limits.request_timeout", &["1ms", "99ms"], &["100ms", "1h"]),
        ("LIMITS_ANSWER_TIMEOUT", "limits.answer_timeout", &["1ms", "99ms"], &["100ms", "1h"]),
    ] {
        for value in refused {
            is_refused(&[(name, value)], about);
        }
        for value in taken {
            is_taken(&[(name, value)]);
        }
    }
    is_refused(&[("LIMITS_HEADER_COUNT", "1")], "limits.header_count");
}

/// Source: RFC 6265bis, 5.6.3.
#[test]
fn the_domain_of_the_cookie_is_read_without_case_as_browsers_read_it() {
    for (url, domain) in [
        ("https://api.example.com", "Example.COM"),
        ("https://API.example.com", "api.EXAMPLE.com"),
        ("https://a.b.example", "B.Example"),
    ] {
        let settings = is_taken(&[("SITE_URL", url), ("SESSION_DOMAIN", domain)]);
        assert_eq!(settings.session.domain, Some(domain.to_lowercase()));
    }
    for (url, domain) in [("https://app.example.com", "Example.ORG"), ("https://shop.example.co.uk", "CO.UK")] {
        let sentence = load(&[("SITE_URL", url), ("SESSION_DOMAIN", domain)]).expect_err(domain);
        assert!(sentence.starts_with("`session.domain` does not cover the host of `site.url`"), "{sentence}");
    }
}
