//! The reasons for which a browser drops a cookie or does not send it.

use super::set_cookie::LineError;
use std::fmt;

/// The reason why a cookie is not stored or not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    /// The line has a character that cookies cannot have, or sets nothing.
    Unreadable,
    /// Name and value are longer than 4096 bytes.
    TooLarge,
    /// It had expired when it was set, or has expired since.
    Expired,
    /// `Domain` is a public suffix, or neither the host's own nor one above it.
    Domain,
    /// It is `Secure`, and the connection is plain http.
    Insecure,
    /// It was set over plain http and would replace a `Secure` cookie.
    ShadowsSecure,
    /// It is `SameSite=Lax` or `Strict`, and the request is cross-site.
    CrossSite,
    /// `SameSite=None` without `Secure`.
    NoneWithoutSecure,
    /// `Partitioned` without `Secure`.
    PartitionedWithoutSecure,
    /// It breaks the rules of `__Host-` or `__Secure-`.
    Prefix,
    /// It breaks the rules of `__Http-` or `__Host-Http-`.
    HttpPrefix,
    /// It is a third-party cookie, and the browser blocks those.
    ThirdParty,
    /// It is stored for another top-level site.
    OtherPartition,
    /// It is stored for another host.
    OtherHost,
    /// It is stored for another path.
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
            Self::Unreadable => "its line cannot be parsed",
            Self::TooLarge => "name and value are longer than 4096 bytes",
            Self::Expired => "it has expired",
            Self::Domain => "this host may not set cookies for its `Domain`",
            Self::Insecure => "it is `Secure`, and the connection is plain http",
            Self::ShadowsSecure => "it was set over plain http and would replace a `Secure` cookie",
            Self::CrossSite => "its `SameSite` blocks it on cross-site calls",
            Self::NoneWithoutSecure => "it is `SameSite=None` without `Secure`",
            Self::PartitionedWithoutSecure => "it is `Partitioned` without `Secure`",
            Self::Prefix => "its name begins with a prefix whose rules it breaks",
            Self::HttpPrefix => "its name begins with `__Http-` or `__Host-Http-`, whose rules it breaks",
            Self::ThirdParty => "third-party cookies are blocked",
            Self::OtherPartition => "it is stored for pages of another site",
            Self::OtherHost => "it is stored for another host",
            Self::OtherPath => "it is stored for another path",
        })
    }
}

impl std::error::Error for Loss {}
