//! Why a browser loses a cookie.

use super::set_cookie::LineError;
use std::fmt;

/// Why a cookie is not kept, or stays behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    /// The line has a sign that no cookie can carry, or sets nothing.
    Unreadable,
    /// Name and value are longer than 4096 bytes.
    TooLarge,
    /// It is over before it begins, or has ended.
    Expired,
    /// `Domain` is not the host's own or one above it, or a public suffix.
    Domain,
    /// `Secure`, and the way is plain http.
    Insecure,
    /// Over plain http, in the place of a `Secure` one.
    ShadowsSecure,
    /// `SameSite=Lax` or `Strict`, between two sites.
    CrossSite,
    /// `SameSite=None` without `Secure`.
    NoneWithoutSecure,
    /// `Partitioned` without `Secure`.
    PartitionedWithoutSecure,
    /// `__Host-` or `__Secure-` without what they demand.
    Prefix,
    /// `__Http-` or `__Host-Http-` without what they demand.
    HttpPrefix,
    /// A third party's, and those are blocked.
    ThirdParty,
    /// Kept for another top-level site.
    OtherPartition,
    /// Kept for another host.
    OtherHost,
    /// Kept for another path.
    OtherPath,
}

impl From<LineError> for Loss {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Unreadable => Self::Unreadable,
            LineError::TooLarge => Self::TooLarge,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "its line cannot be read",
            Self::TooLarge => "name and value are longer than 4096 bytes",
            Self::Expired => "it is over",
            Self::Domain => "its `Domain` is none that this host may set",
            Self::Insecure => "it is `Secure`, and the way is plain http",
            Self::ShadowsSecure => "it came over plain http and would take the place of a `Secure` one",
            Self::CrossSite => "its `SameSite` keeps it from calls between two sites",
            Self::NoneWithoutSecure => "it is `SameSite=None` without `Secure`",
            Self::PartitionedWithoutSecure => "it is `Partitioned` without `Secure`",
            Self::Prefix => "its name begins with a prefix whose rules it breaks",
            Self::HttpPrefix => "its name begins with `__Http-` or `__Host-Http-`, whose rules it breaks",
            Self::ThirdParty => "third-party cookies are blocked",
            Self::OtherPartition => "it is kept for another site's pages",
            Self::OtherHost => "it is kept for another host",
            Self::OtherPath => "it is kept for another path",
        })
    }
}

impl std::error::Error for Loss {}
