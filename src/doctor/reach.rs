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
    /// The proxy of the machine that asks makes no connection.
    Proxy,
    /// There is no TLS that both know.
    Tls,
    /// What listens speaks no TLS at all.
    Plain,
    /// What listens speaks TLS, and was asked without.
    Encrypted,
    /// What answers is no HTTP, or breaks off.
    Broken,
}

/// What the handshake showed of the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsSeen {
    /// Whether its chain leads to an authority that browsers know.
    pub trusted: bool,
    /// Whether it names the host.
    pub names_host: bool,
    /// Whether the day from which it holds has come.
    pub begun: bool,
    /// How many days it still holds; below 0, it has ended.
    pub days_left: i64,
    /// Who signed it.
    pub issuer: String,
}

impl TlsSeen {
    /// Whether browsers go on.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.trusted && self.names_host && self.begun && self.days_left >= 0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name is unknown",
            Self::Refused => "nobody listens there",
            Self::Silent => "nobody answers in time",
            Self::Proxy => "the proxy of this machine makes no connection to it",
            Self::Tls => "TLS cannot be spoken with it",
            Self::Plain => "it speaks no TLS there, so its address begins with `http://` or has another port",
            Self::Encrypted => "it speaks TLS there, so its address begins with `https://`",
            Self::Broken => "what it answers is no HTTP, or breaks off",
        })
    }
}
