//! The meaning of parameters that addresses have for other clients, such as libpq and Prisma.
//!
//! Database providers hand out addresses made for libpq or for Prisma. Harmless parameters are accepted or ignored, so
//! that such an address works unchanged. A parameter that asks for a protection that is missing here is refused.
//!
//! Source: PostgreSQL 18, "Parameter Key Words" of libpq; Prisma, "PostgreSQL connection URL".

/// The names that [`meaning`] knows.
pub(super) const KNOWN: [&str; 22] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "prepared_statements",
];

/// The meaning of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It asks for the default behaviour.
    Kept,
    /// It is ignored, for this reason.
    Passed(&'static str),
    /// Each transaction may be on another connection.
    Transactions,
    /// The authentication must be bound to the TLS connection.
    Bound,
    /// It names the application, unless another parameter does.
    Called,
    /// It asks for something that is not supported; with its effect, and advice.
    Refused(&'static str),
    /// It is not known.
    Unknown,
}

/// Returns the meaning of a parameter. The value is never repeated, because it may be a password under a wrong name.
pub(super) fn meaning(name: &str, value: &str) -> Meaning {
    match (name, value) {
        ("channel_binding", "require") => Meaning::Bound,
        ("pgbouncer", "true" | "1") | ("prepared_statements", "false" | "0") => Meaning::Transactions,
        ("pgbouncer" | "prepared_statements", _)
        | ("channel_binding" | "gssencmode", "disable" | "prefer")
        | ("load_balance_hosts", "disable")
        | ("sslnegotiation", "postgres")
        | ("sslsni", "1")
        | ("sslcompression", "0")
        | ("ssl_min_protocol_version", "TLSv1" | "TLSv1.1" | "TLSv1.2")
        | ("ssl_max_protocol_version", "TLSv1.3")
        | ("target_session_attrs", "any" | "read-write" | "primary") => Meaning::Kept,
        ("client_encoding", encoding) if is_utf8(encoding) => Meaning::Kept,
        ("fallback_application_name", _) => Meaning::Called,
        ("connect_timeout" | "tcp_user_timeout" | "pool_timeout", _) => {
            Meaning::Passed("`store.timeout` sets all timeouts")
        }
        ("keepalives" | "keepalives_count" | "keepalives_idle" | "keepalives_interval", _) => {
            Meaning::Passed("an idle connection is checked before it is used")
        }
        ("connection_limit", _) => Meaning::Passed("`store.connections` sets the number of connections"),
        ("schema", _) => Meaning::Passed("all tables are in the schema `hardtack`"),
        ("sslnegotiation", "direct") => Meaning::Passed("TLS is requested in the way that every server supports"),
        ("sslnegotiation", _) => Meaning::Refused("must be `postgres` or `direct`"),
        ("load_balance_hosts", _) => Meaning::Passed("the address has one host"),
        ("sslsni" | "sslcompression", _) => Meaning::Passed("TLS always names the host and never compresses"),
        ("ssl_min_protocol_version" | "ssl_max_protocol_version", _) => Meaning::Passed("TLS is always 1.2 or 1.3"),
        ("client_encoding", _) => Meaning::Passed("all text is UTF-8"),
        ("target_session_attrs", _) => Meaning::Refused(
            "asks for a server that may be a replica, which may not know yet that a session has ended; leave it out \
             and name the primary",
        ),
        ("gssencmode", _) => Meaning::Refused("asks for GSSAPI, which is not supported; write `sslmode=verify-full`"),
        ("channel_binding", _) => Meaning::Refused("must be `disable`, `prefer` or `require`"),
        _ => Meaning::Unknown,
    }
}

fn is_utf8(encoding: &str) -> bool {
    ["auto", "utf8", "utf-8", "unicode"].contains(&encoding.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_called_known_has_a_meaning() {
        for name in KNOWN {
            assert_ne!(meaning(name, "anything"), Meaning::Unknown, "{name}");
        }
        assert_eq!(meaning("passwd", "hunter2"), Meaning::Unknown);
    }
}
