//! The connection to a server: the failures below HTTP, and the properties of the certificate.

use std::fmt;

/// The reason why a call had no response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The name of the host is unknown.
    Name,
    /// The connection was refused.
    Refused,
    /// No connection was made in time.
    Silent,
    /// The server accepted the call, but did not respond while the doctor waited. Browsers wait longer.
    Slow,
    /// The proxy of the doctor's machine makes no connection.
    Proxy,
    /// The doctor and the server have no TLS, or no HTTP over it, in common. Browsers and the server may have.
    Tls,
    /// The server speaks no version of TLS that browsers accept.
    OldTls,
    /// The server has no certificate for the host.
    NoHost,
    /// The server does not speak TLS at all.
    Plain,
    /// The server speaks TLS, but was called without it.
    Encrypted,
    /// The response is not HTTP, or is cut off.
    Broken,
    /// The doctor's machine knows no certificate authorities, so it can trust no certificate.
    NoAuthorities,
}

/// The properties of the certificate, as the handshake showed them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an observation of its own")]
pub struct TlsSeen {
    /// Whether its chain leads to an authority that browsers know.
    pub trusted: bool,
    /// Whether the server left out a certificate of its chain that browsers fetch by themselves. Then `trusted` is
    /// false, and it is unknown whether the whole chain is trusted.
    pub incomplete: bool,
    /// Whether it names the host.
    pub names_host: bool,
    /// Whether its validity has begun.
    pub begun: bool,
    /// Its validity.
    pub term: Term,
    /// The name of its issuer.
    pub issuer: String,
}

/// The validity of a certificate, in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Term {
    /// The time from now to its expiry; below 0, it has expired.
    pub left: i64,
    /// The time from its beginning to its expiry.
    pub life: i64,
}

const DAY: i64 = 86400;

impl Term {
    /// Returns the whole days that are left; below 0, it has expired.
    #[must_use]
    pub const fn days_left(self) -> i64 {
        self.left.div_euclid(DAY)
    }

    /// Returns whether it has expired.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        self.left < 0
    }

    /// Returns whether it should have been renewed: 14 days are left or less, and no more than a quarter of its life.
    ///
    /// Programs that renew certificates do so when a third is left or earlier, so one that works is never reported.
    #[must_use]
    pub const fn ends_soon(self) -> bool {
        self.left <= 14 * DAY && self.left <= self.life / 4
    }
}

impl Failure {
    /// Returns whether the limits of the doctor are the reason, so that browsers need not fail.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Tls | Self::Slow | Self::NoAuthorities)
    }
}

impl TlsSeen {
    /// Returns whether browsers accept the certificate.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.trusted && !self.is_refused()
    }

    /// Returns whether browsers refuse the certificate, even if they fetch a missing one of its chain.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        !(self.trusted || self.incomplete) || !self.names_host || !self.begun || self.term.has_ended()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name is unknown",
            Self::Refused => "no program listens there",
            Self::Silent => "no connection was made in time",
            Self::Proxy => "the proxy of this machine makes no connection to it",
            Self::Tls => "the doctor has no protocol in common with it",
            Self::OldTls => "it speaks neither TLS 1.2 nor 1.3",
            Self::NoHost => "it has no certificate for that name",
            Self::Slow => "the doctor's timeout expired",
            Self::Plain => "it speaks no TLS there, so its address begins with `http://` or has another port",
            Self::Encrypted => "it speaks TLS there, so its address begins with `https://`",
            Self::NoAuthorities => "this machine knows no certificate authorities",
            Self::Broken => "its response is not HTTP, or is cut off",
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
