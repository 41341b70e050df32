//! Parameters that addresses bring along for other clients: what each means here.
//!
//! Providers of databases hand out addresses made for libpq or for Prisma. What does no harm is taken or passed over, so that
//! such an address works as it is. What asks for a protection that is not here is refused.
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

/// What a parameter means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is so anyway.
    Kept,
    /// Nothing, for this reason.
    Passed(&'static str),
    /// Each transaction may have another connection.
    Transactions,
    /// The connection must be bound to its TLS.
    Bound,
    /// The name of the application, unless it has one.
    Called,
    /// Something that cannot be had; what it does, and what to do.
    Refused(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// What a parameter means. The value is never repeated, because it may be a password under a wrong name.
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
            Meaning::Passed("how long anything may take is for `store.timeout` to say")
        }
        ("keepalives" | "keepalives_count" | "keepalives_idle" | "keepalives_interval", _) => {
            Meaning::Passed("a connection that was idle proves that it lives before it is used")
        }
        ("connection_limit", _) => Meaning::Passed("how many there may be is for `store.connections` to say"),
        ("schema", _) => Meaning::Passed("all tables are in the schema `hardtack`"),
        ("sslnegotiation", "direct") => Meaning::Passed("TLS is asked for first, which every server understands"),
        ("sslnegotiation", _) => Meaning::Refused("is `postgres` or `direct`"),
        ("load_balance_hosts", _) => Meaning::Passed("there is one host"),
        ("sslsni" | "sslcompression", _) => Meaning::Passed("TLS names the host and compresses nothing"),
        ("ssl_min_protocol_version" | "ssl_max_protocol_version", _) => Meaning::Passed("it is TLS 1.2 or 1.3"),
        ("client_encoding", _) => Meaning::Passed("all text is in UTF-8"),
        ("target_session_attrs", _) => Meaning::Refused(
            "asks for a server that may be a replica, which may not know yet what has ended; leave it out and name the \
             primary",
        ),
        ("gssencmode", _) => Meaning::Refused("asks for GSSAPI, which is not spoken here; write `sslmode=verify-full`"),
        ("channel_binding", _) => Meaning::Refused("is `disable`, `prefer` or `require`"),
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
