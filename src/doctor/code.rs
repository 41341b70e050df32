//! The causes, numbered for good: a number never gets another meaning.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($number:literal $name:ident: $title:literal $why:literal)*) => {
        /// A cause of lost sessions.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Code {
            $(#[doc = $title] $name = $number,)*
        }

        impl Code {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What it is, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Why browsers behave so, and where that is written.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

codes! {
    1 Uncredentialed: "The page calls without credentials."
        "A call to another origin takes cookies along and keeps them with `credentials: 'include'` alone. Without it \
         nothing fails: the cookie is left out both ways. Source: the Fetch standard, credentials mode."
    2 Wildcard: "The answer allows `*` and not the page's origin."
        "Where cookies go along, `*` is no wildcard but the name of an origin that nobody has. Source: the Fetch \
         standard, CORS check."
    3 NoCredentials: "The answer does not allow credentials."
        "The page may read an answer to a call with cookies only if it says `Access-Control-Allow-Credentials: true`, \
         once and in lower case. Source: the Fetch standard, CORS check."
    4 OtherOrigin: "The answer does not name the page's origin."
        "Origins are compared byte by byte, with scheme, host and port; `/` at the end, upper case, `www.` or another \
         port make another one. Source: the Fetch standard, CORS check."
    5 TwoOrigins: "The answer names an origin twice."
        "Two values of `Access-Control-Allow-Origin` are read as one text, which is no origin. It happens when both \
         the application and a proxy add it. Source: the Fetch standard, CORS check."
    6 Preflight: "The preflight is not answered as one."
        "Before a call with JSON or headers of its own a browser asks with OPTIONS, without cookies, and calls only if \
         the answer is 2xx with the CORS headers. A sign-in, a router or a proxy before them answers 401, 404 or 405. \
         Source: the Fetch standard, CORS-preflight fetch."
    7 PreflightRedirected: "The preflight is redirected."
        "A preflight follows no redirect, neither to https nor to a path with a slash nor to a sign-in. Source: the \
         Fetch standard, CORS-preflight fetch."
    8 WildcardList: "`*` stands for methods or headers."
        "Where cookies go along, `*` is the name of a method or header that nobody sends; they must be listed. Source: \
         the Fetch standard, CORS-preflight fetch."
    9 Unlisted: "A method or header of the page is not listed."
        "Any method but GET, HEAD and POST, and any header that a form could not send (`content-type: \
         application/json` is one), must be in the answer to the preflight. Source: the Fetch standard, CORS-preflight \
         fetch."
    10 ErrorsHidden: "Error answers lack the CORS headers."
        "The page may read no answer without them. It sees `TypeError: Failed to fetch` where a 401 or a 500 was, and \
         cannot tell a visitor to sign in. Source: the Fetch standard, CORS check."
    11 CrossSite: "`SameSite` keeps the cookie from another site's page."
        "A `Lax` or `Strict` cookie is neither kept nor sent when a page of another site calls; Chrome takes a cookie \
         that says nothing for `Lax`. Source: RFC 6265bis, 5.6.7 and 5.7."
    12 NotSecure: "`SameSite=None` or `Partitioned` without `Secure`."
        "A cookie for other sites' pages is accepted with `Secure` alone. Source: RFC 6265bis, 5.7; CHIPS."
    13 ThirdParty: "The cookie is a third party's, and not partitioned."
        "Safari blocks the cookies of other sites than the page's, and so do private windows and many settings; \
         Firefox gives each page's site a jar of its own. A `Partitioned` cookie is kept once for each site, by Safari \
         from 26.2 on and not by a Firefox that is set to block all cross-site cookies. Source: CHIPS; the WebKit blog on full third-party cookie blocking, 2020."
    14 SecureOverHttp: "A `Secure` cookie on plain http."
        "A `Secure` cookie is neither kept from nor sent over plain http, except on this machine. Source: RFC 6265bis, \
         5.7 and 5.8."
    15 SecureOnLoopback: "A `Secure` cookie on http on this machine."
        "Chrome and Firefox trust `localhost` over plain http, Safari does not. Source: the Secure Contexts \
         specification, 3.1; WebKit."
    16 SchemeUnknown: "The server does not know that it is reached over https."
        "When a proxy ends TLS, the server behind it sees plain http. What it was told of the scheme decides on \
         `Secure` and on redirects. Source: RFC 7239, 5.4."
    17 Domain: "`Domain` does not cover the host."
        "A host may set a cookie for itself and for domains above it, but for no public suffix (`com`, `co.uk`, \
         `github.io`). Source: RFC 6265bis, 5.7; the public suffix list."
    18 Prefix: "The name's prefix demands what the cookie lacks."
        "`__Host-` demands `Secure`, `Path=/` and no `Domain`; `__Secure-` demands `Secure`. Source: RFC 6265bis, \
         4.1.3."
    19 HttpPrefix: "The name begins with `__Http-`, and the cookie is not for http alone."
        "`__Http-` demands `Secure` and `HttpOnly`, `__Host-Http-` also what `__Host-` does. Safari does not know \
         them. Source: RFC 6265bis, 4.1.3."
    20 Path: "`Path` does not cover the address."
        "A cookie goes to its path and what is below it. Without `Path` that is the folder of the address that set it. \
         Source: RFC 6265bis, 5.1.4."
    21 TooLarge: "The cookie is too large."
        "Name and value of more than 4096 bytes are dropped without a word. Source: RFC 6265bis, 5.6."
    22 Expired: "The cookie is over when it arrives."
        "A cookie whose `Max-Age` is 0 or less, or whose `Expires` is not later than \
         the answer's `Date`, is removed. Where the answer has no `Date`, the visitor's clock counts. Source: RFC \
         6265bis, 5.7; Chromium and Firefox."
    23 LoopbackNames: "`localhost` on one side, `127.0.0.1` or `[::1]` on the other."
        "Names of one machine are different hosts, and so different sites. Source: the HTML standard, site."
    24 SchemesDiffer: "Page and server differ in http and https."
        "http and https of one host are two sites in Chrome; other ports are not. Source: the HTML standard, same site."
    26 SharedName: "Two cookies of one name."
        "All ports of a host share one jar, and a host shares it with the domains above it. Two applications that use \
         one name overwrite each other's cookie, or both arrive. Source: RFC 6265bis, 8.5 and 8.6."
    27 Certificate: "The certificate is not trusted."
        "A script's call over TLS that cannot be verified fails without a question; only a page in a tab shows the \
         warning. Source: the Fetch standard, network error."
    28 MixedContent: "A page on https calls a server on plain http."
        "Browsers block it before anything is sent; `http://localhost` and `http://127.0.0.1` are excepted. Chrome also \
         excepts private addresses and names below `.local`; where the page is in the internet it asks the visitor (HT029). \
         Source: the Mixed Content specification; the Local Network Access specification."
    29 LocalNetwork: "A page of the internet calls a server in the local network."
        "Chrome asks the visitor for permission first (from 142), and blocks before CORS when it is denied. A page on \
         plain http is refused without a question. Source: the Local Network Access specification."
    30 Unreachable: "The server is not reached."
        "The name is unknown, nobody listens, or the page's own policy (`connect-src`) forbids the call. To a script \
         all of them are `TypeError: Failed to fetch`. Source: the Fetch standard, network error; CSP 3, connect-src."
    31 ExposedSetCookie: "`Set-Cookie` is exposed."
        "No script can ever read it; the browser keeps the cookie itself. To list it helps nothing. Source: the Fetch \
         standard, forbidden response-header name."
    33 Strict: "The cookie is `SameSite=Strict`."
        "A visitor who arrives by a link or from a sign-in elsewhere is not signed in on the first page, and is on the \
         second. Source: RFC 6265bis, 5.6.7."
    34 Redirected: "The call is redirected to another origin."
        "After a redirect to another origin the call's origin can be `null`, which no server should list, and a \
         cookie of the way may be another site's. Source: the Fetch standard, HTTP-redirect fetch."
    35 Cached: "An old answer, out of a cache."
        "What may be stored is answered again without the server, to somebody else or with a cookie that is no longer \
         true. Source: RFC 9111, 3 and 7.3."
    36 NotForwarded: "The page as the server rendered it did not know the session."
        "A call that the server makes while it renders carries no cookies unless they are handed on, and what it is \
         given reaches no browser. It is a client of its own."
    37 Forgotten: "The server does not know the session of the cookie."
        "The cookie came back, and the store has no row for it: a store in memory that was restarted, an eviction, an \
         end that the browser has not heard of."
    38 NodesDiffer: "Several servers, and not all know the session."
        "Servers of one address need one store and the same keys; else it is luck whether a request is signed in."
    39 NoRoom: "The browser keeps no cookies here, or has no room."
        "A visitor, an extension or a company's policy can forbid them, and of too many cookies on one domain the \
         oldest go. Browsers need not keep more than 50. Source: RFC 6265bis, 6.1."
    40 Clock: "The clocks differ."
        "Tokens of a sign-in elsewhere and certificates hold by the clock of whoever reads them, and so does `Expires` in \
         an answer without `Date`. Source: RFC 6265bis, 5.7; OpenID Connect Core, 3.1.3.7."
    41 CertificateEnds: "The certificate ends soon."
        "From that moment every call fails, without a question (HT027). Source: RFC 5280, 4.1.2.5."
    42 PlainHttp: "Sessions travel over plain http."
        "Anybody on the way can read the cookie and take over the session. Source: ASVS 5.0, 12.2.1."
    43 NoCookie: "No answer has set a cookie."
        "A server need not begin a session at every address. Express sets no `secure` cookie while it believes to be \
         on plain http. Source: express-session, cookie.secure."
    44 Unreadable: "A `Set-Cookie` line that sets nothing."
        "A line with control characters, or with neither name nor value, is dropped whole. Source: RFC 6265bis, 5.6."
    45 Joined: "Two cookies are joined in one `Set-Cookie` line."
        "A `Set-Cookie` line holds one cookie. Where a proxy or a library joins two by a comma, browsers read the first \
         one, and the comma with what follows becomes a part of it. Source: RFC 9110, 5.3; RFC 6265bis, 5.6."
    46 Cleared: "The answer clears the cookies."
        "`Clear-Site-Data: \"cookies\"` empties the jar of the host's whole domain, with the cookie of the same answer. \
         Source: the Clear Site Data specification, 3.1."
    47 Refused: "Every call was refused."
        "A bot filter, a firewall, a protected preview or a broken server answers in the place of the application. \
         Whether its sessions hold is not to be seen there. Source: RFC 9110, 15.5 and 15.6."
    48 DeadEnd: "The redirects lead nowhere."
        "A browser follows twenty redirects of a call, and none to a scheme other than http and https or to an address \
         with a user name. Then the call fails. Source: the Fetch standard, HTTP-redirect fetch."
    49 AnyOrigin: "The server lets in the pages of any origin."
        "A server that answers `Access-Control-Allow-Credentials: true` to each origin lets every page read what the \
         visitor may read. What is left is `SameSite`, which pages of the same site pass. Source: the Fetch standard, CORS \
         protocol and credentials."
    50 ProviderUnusable: "Nobody can sign in by a provider."
        "A provider says of itself, below its issuer, where it signs people in and which keys it signs with. What it \
         says must be about the very issuer that the settings name, and offer the code flow. Source: OpenID Connect \
         Discovery 1.0, 3 and 4.3."
    51 ProviderDiffers: "A provider does not list what it is asked for."
        "What is not listed may be refused, on a page of the provider that leads nowhere. Many list less than they \
         take. Source: OpenID Connect Discovery 1.0, 3; RFC 8414, 2."
    52 ProviderUnnamed: "A provider does not name itself when it leads back."
        "Where a site has several providers, one of them could pass an answer off as another's. An answer that names \
         its issuer prevents that, and so does a callback of its own for each. Source: RFC 9207; RFC 9700, 4.4."
}

impl Code {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Where more is said of it, from the root of the repository: `docs/DOCTOR.md#ht013`.
    #[must_use]
    pub fn link(self) -> String {
        format!("docs/DOCTOR.md#{}", self.to_string().to_lowercase())
    }
}

/// As it is written: `HT013`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HT{:03}", self.number())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for Code {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|code| code.to_string() == text);
        known.ok_or_else(|| format!("`{text}` is no code of a finding"))
    }
}
