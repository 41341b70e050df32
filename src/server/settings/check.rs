//! Checks of settings that contradict each other, or the behaviour of browsers.
//!
//! Each rule is a condition that must not hold, and the sentence that names setting, reason and cure.

use super::{Limits, Log, Metrics, Session, Settings, SettingsError, Site, Store, StoreUrl, Tls, TlsMode};
use super::{provider, sign_in};
use crate::backend::providers::SignOut;
use crate::model::theme::Theme;
use hardtack_session::cookie::SameSite;
use hardtack_session::policy::{Contradiction, Unreachable};
use hardtack_session::store::Transport;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use url::Host;

/// The cookies that pages set without the session cookie's name: the theme, and whether an account is known.
const OTHER_COOKIES: [&str; 2] = [Theme::COOKIE, "account"];

pub(super) type Rule = (bool, &'static str);

/// Returns the first contradiction as an error.
pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let Settings { site, session, cors, store, tls, limits, log, metrics, .. } = settings;
    let doors = [tls_rules(site, tls).as_slice(), &metrics_rules(site, tls, metrics)].concat();
    first(&[site_rules(site).as_slice(), &doors, &secure_rules(site, session)])?;
    let origins = site.origins();
    match origins.reachable() {
        // `site.insecure` accepts plain http for a trial, also in front ends.
        Err(Unreachable::Plain { .. }) if site.insecure => {}
        Err(error) => return Err(SettingsError(format!("`site.front_ends`: {error}."))),
        Ok(()) => {}
    }
    if let Some(front_end) = origins.across_sites().filter(|_| session.same_site != SameSite::None) {
        return Err(SettingsError(format!(
            "`session.same_site` keeps the cookie from requests of other sites, but `{front_end}` in `site.front_ends` is \
             another site; remove `session.same_site`."
        )));
    }
    cors.guard(&origins)?;
    let contradiction = Contradiction::of_cookie(&session.cookie());
    if let Some(contradiction) = contradiction.or_else(|| Contradiction::of_clocks(&session.clocks())) {
        return Err(SettingsError(contradiction.sentence("session.")));
    }
    first(&[&domain_rules(site, session), &store_rules(store)?, &sign_in::rules(settings)?])?;
    provider::is_reachable(site, &settings.sign_in.providers)?;
    first(&[&room_rules(settings), &limit_rules(limits), &time_rules(session, store, limits), &log_rules(log)])
}

fn first(rules: &[&[Rule]]) -> Result<(), SettingsError> {
    let broken = rules.iter().copied().flatten().find(|(broken, _)| *broken);
    broken.map_or(Ok(()), |(_, sentence)| Err(SettingsError((*sentence).to_owned())))
}

fn site_rules(site: &Site) -> [Rule; 2] {
    // Aggregated, because two halves cover every address too.
    let all = IpNet::aggregate(&site.trusted_proxies).iter().any(|network| network.prefix_len() == 0);
    [
        (
            !site.url.is_https() && !site.url.is_loopback() && !site.insecure,
            "`site.url` is plain http on a host that is not this machine, so attackers on the network could take \
             over sessions; use https, or set `site.insecure = true` for a trial.",
        ),
        (
            all,
            "`site.trusted_proxies` names every address, so each client could name any address as its own, and no limit by \
             network would hold; name the proxies alone, like `10.0.0.10` or `10.0.0.0/24`.",
        ),
    ]
}

/// Returns whether two listeners exclude each other: one port, and one host or all hosts. Port 0 picks a free one.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let hosts = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && one.is_ipv4() == other.is_ipv4() && hosts
}

fn metrics_rules(site: &Site, tls: &Tls, metrics: &Metrics) -> [Rule; 2] {
    let clashes = |address| metrics.listen.is_some_and(|listen| clash(listen, address));
    [
        (
            clashes(site.listen),
            "`metrics.listen` is the address of `site.listen`, but the metrics need a listener of their own; give it another \
             port.",
        ),
        (
            tls.redirect_listen.is_some_and(clashes),
            "`metrics.listen` is the address of `tls.redirect_listen`, but the metrics need a listener of their own; give it \
             another port.",
        ),
    ]
}

fn tls_rules(site: &Site, tls: &Tls) -> [Rule; 3] {
    let off = tls.mode == TlsMode::Off;
    [
        (
            !off && !site.url.is_https(),
            "`tls.mode` makes the server speak https, but `site.url` is http, so browsers would speak http to it and get no \
             page; begin `site.url` with `https://`, or set `tls.mode = \"off\"`.",
        ),
        (
            off && tls.redirect_listen.is_some(),
            "`tls.redirect_listen` redirects to https, but `tls.mode` is `off`, so this server has no https; set \
             `tls.mode` to `local` or `files`, or leave `tls.redirect_listen` empty.",
        ),
        (
            tls.redirect_listen.is_some_and(|address| clash(address, site.listen)),
            "`tls.redirect_listen` is the address of `site.listen`, which speaks https; give it another port.",
        ),
    ]
}

fn secure_rules(site: &Site, session: &Session) -> [Rule; 3] {
    let https = site.url.is_https();
    [
        (
            OTHER_COOKIES.contains(&session.name.as_str()),
            "`session.name` is the name of another cookie of these pages, which would replace the session cookie; choose \
             another name, or remove `session.name`.",
        ),
        (
            https && !session.secure,
            "`session.secure` is false, but `site.url` is https, so the cookie would also be sent over plain http; \
             remove `session.secure`.",
        ),
        (
            !https && session.secure,
            "`session.secure` is true, but `site.url` is http, where browsers drop such a cookie; make `site.url` \
             https or remove `session.secure`.",
        ),
    ]
}

/// Returns the rules for `session.domain`. Source: RFC 6265bis, 5.7 (domain).
fn domain_rules(site: &Site, session: &Session) -> [Rule; 1] {
    let host = site.url.host().to_string();
    let above = |domain: &str| {
        matches!(site.url.host(), Host::Domain(host) if host.ends_with(&format!(".{domain}")))
            // Browsers keep no cookie for a public suffix, because many sites share it.
            && psl::suffix_str(domain) != Some(domain)
            && !domain.starts_with('.')
    };
    let covers = |domain: &str| host == domain || above(domain);
    [(
        session.domain.as_deref().is_some_and(|domain| !covers(domain)),
        "`session.domain` does not cover the host of `site.url`, so browsers would drop the cookie; name that host or a \
         domain above it, like `example.com`, or leave it empty.",
    )]
}

/// Returns the rules for the connection to the store. Source: ASVS 5.0, 12.3.1 and 12.3.2.
fn store_rules(store: &Store) -> Result<[Rule; 2], SettingsError> {
    let transport = store.transport().map_err(|error| SettingsError(format!("`store.url`: {error}.")))?;
    let open = transport == Transport::Unverified && !store.insecure;
    Ok([
        (
            open && matches!(store.url, StoreUrl::Postgres(_)),
            "`store.url` is a PostgreSQL on another machine without verified TLS, so attackers on the network could read \
             and end sessions; add `?sslmode=verify-full`, or set `store.insecure = true` for a trial.",
        ),
        (
            open,
            "`store.url` is a Redis on another machine without verified TLS, so attackers on the network could read and \
             end sessions; begin it with `rediss://` or `rediss-cluster://`, or set `store.insecure = true` for a trial.",
        ),
    ])
}

/// Returns the rules for sizes. With less, no user could sign in. Guarantee G15.
fn room_rules(settings: &Settings) -> [Rule; 4] {
    let Settings { session, limits, .. } = settings;
    let keeps_tokens = settings.sign_in.providers.iter().any(|provider| provider.quirks.sign_out == SignOut::Hint);
    [
        (
            session.max_data.bytes() < 1 << 10,
            "`session.max_data` is less than `1 KiB`, which a sign-in can need, so no user could sign in; write `1 KiB` or more.",
        ),
        (
            keeps_tokens && session.max_data.bytes() < 8 << 10,
            "`session.max_data` is less than `8 KiB`, but a provider's `sign_out = \"id_token_hint\"` keeps an ID token of up to \
             4 KiB in each session, so sign-ins by it could be refused; write `8 KiB` or more, or `sign_out = \"off\"`.",
        ),
        (
            limits.body.bytes() < 1 << 10,
            "`limits.body` is less than `1 KiB`, which a form to sign in can need, so no user could sign in; write `1 KiB` or \
             more.",
        ),
        (
            limits.header_count < 32,
            "`limits.header_count` is less than 32, which browsers and the proxies in front can send, so their requests would be \
             refused; write `100`.",
        ),
    ]
}

fn limit_rules(limits: &Limits) -> [Rule; 3] {
    [
        (
            limits.headers.bytes() < 8 << 10,
            "`limits.headers` is less than `8 KiB`, which ordinary requests with their cookies can need; write \
             `8 KiB` or more.",
        ),
        (
            limits.headers.bytes() > 256 << 10,
            "`limits.headers` is more than `256 KiB`, which is more than the server reads; write `256 KiB` or less.",
        ),
        (
            limits.header_count > 1000,
            "`limits.header_count` is more than 1000, which is more than the server reads; write `100`.",
        ),
    ]
}

/// Returns the rules for times. With less, no request would succeed; with more, a failure would last as long.
fn time_rules(session: &Session, store: &Store, limits: &Limits) -> [Rule; 6] {
    let short = |time: Duration| time < Duration::from_millis(100);
    [
        (
            session.rotation_grace > Duration::from_mins(10),
            "`session.rotation_grace` is more than 10 minutes: for so long an old id would reach the session after a renewal, and \
             a browser that missed the new id of a sign-in would be told to try again; write `10s`, or `10m` at most.",
        ),
        (
            !(Duration::from_millis(10)..=Duration::from_mins(1)).contains(&store.timeout),
            "`store.timeout` is not from 10ms to a minute: no store answers faster, and no visitor waits longer; write `800ms`.",
        ),
        (
            short(limits.header_timeout),
            "`limits.header_timeout` is less than 100ms, in which the headers of a slow client do not arrive; write `10s`.",
        ),
        (
            short(limits.body_timeout),
            "`limits.body_timeout` is less than 100ms, in which the body of a slow client does not arrive; write `10s`.",
        ),
        (
            short(limits.request_timeout),
            "`limits.request_timeout` is less than 100ms, in which no password is verified, so no user could sign in; write `30s`.",
        ),
        (
            short(limits.answer_timeout),
            "`limits.answer_timeout` is less than 100ms, in which a slow client reads nothing; write `30s`.",
        ),
    ]
}

fn log_rules(log: &Log) -> [Rule; 1] {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // A bare word that is not a level would count as a module, and everything else would not be logged.
    let known = |part: &str| part.contains('=') || LEVELS.contains(&part.trim().to_lowercase().as_str());
    [(
        !log.level.split(',').all(known) || EnvFilter::builder().parse(&log.level).is_err(),
        "`log.level` is neither a level nor a list of them; write it like `info`, or `info,hardtack=debug` (`off`, \
         `error`, `warn`, `info`, `debug`, `trace`).",
    )]
}
