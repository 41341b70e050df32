//! What becomes of the way to a server: what fails before HTTP, and what its certificate shows.

use std::fmt;

/// What kept a call from arriving.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The host's name is unknown.
    Name,
    /// Nobody listens.
    Refused,
    /// Nobody answers in time.
    Silent,
    /// The server takes the call and does not answer while the doctor waits. Browsers wait longer.
    Slow,
    /// The proxy of the machine that asks makes no connection.
    Proxy,
    /// The doctor and the server have no TLS, or no HTTP over it, in common. Browsers may have.
    Tls,
    /// The server speaks no version of TLS that browsers accept.
    OldTls,
    /// The server has no certificate for the host.
    NoHost,
    /// What listens speaks no TLS at all.
    Plain,
    /// What listens speaks TLS, and was asked without.
    Encrypted,
    /// What answers is no HTTP, or breaks off.
    Broken,
    /// The machine that asks knows no authorities, so that it can trust no certificate.
    NoAuthorities,
}

/// What the handshake showed of the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an observation of its own")]
pub struct TlsSeen {
    /// Whether its chain leads to an authority that browsers know.
    pub trusted: bool,
    /// Whether the server left out a certificate of its chain that browsers fetch by themselves. Then `trusted` is false, and
    /// whether the whole chain is trusted was not seen.
    pub incomplete: bool,
    /// Whether it names the host.
    pub names_host: bool,
    /// Whether the day from which it holds has come.
    pub begun: bool,
    /// The time for which it holds.
    pub term: Term,
    /// Who signed it.
    pub issuer: String,
}

/// The time for which a certificate holds, in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Term {
    /// From now to its end; below 0, it has ended.
    pub left: i64,
    /// From its beginning to its end.
    pub life: i64,
}

const DAY: i64 = 86400;

impl Term {
    /// Returns the whole days that are left; below 0, it has ended.
    #[must_use]
    pub const fn days_left(self) -> i64 {
        self.left.div_euclid(DAY)
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        self.left < 0
    }

    /// Whether it should have been renewed: 14 days are left or less, and no more than a quarter of its life.
    ///
    /// Programs that renew do so when a third is left or earlier, so one that works never comes here.
    #[must_use]
    pub const fn ends_soon(self) -> bool {
        self.left <= 14 * DAY && self.left <= self.life / 4
    }
}

impl Failure {
    /// Whether it is the doctor that cannot or does not wait, and no browser need fail.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Tls | Self::Slow | Self::NoAuthorities)
    }
}

impl TlsSeen {
    /// Whether browsers go on.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.trusted && !self.is_refused()
    }

    /// Whether browsers refuse it, although they fetch a certificate of the chain that is missing.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        !(self.trusted || self.incomplete) || !self.names_host || !self.begun || self.term.has_ended()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name is unknown",
            Self::Refused => "nobody listens there",
            Self::Silent => "nobody answers in time",
            Self::Proxy => "the proxy of this machine makes no connection to it",
            Self::Tls => "the doctor has no protocol in common with it",
            Self::OldTls => "it speaks neither TLS 1.2 nor 1.3",
            Self::NoHost => "it has no certificate for that name",
            Self::Slow => "no answer came while the doctor waited",
            Self::Plain => "it speaks no TLS there, so its address begins with `http://` or has another port",
            Self::Encrypted => "it speaks TLS there, so its address begins with `https://`",
            Self::NoAuthorities => "this machine knows no authorities",
            Self::Broken => "what it answers is no HTTP, or breaks off",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_soon_by_its_own_life() {
        for (left, life, soon) in [
            (15 * DAY, 365 * DAY, false),
            (14 * DAY, 365 * DAY, true),
            // Let's Encrypt: renewed 30 days before its end, or three of six.
            (30 * DAY, 90 * DAY, false),
            (10 * DAY, 90 * DAY, true),
            (3 * DAY, 6 * DAY, false),
            (DAY, 6 * DAY, true),
            // Caddy's own authority: renewed four hours before its end.
            (4 * 3600, 12 * 3600, false),
            (3600, 12 * 3600, true),
        ] {
            assert_eq!(Term { left, life }.ends_soon(), soon, "{left} of {life}");
        }
        assert!(Term { left: -1, life: DAY }.has_ended() && !Term { left: 0, life: DAY }.has_ended());
    }
}
