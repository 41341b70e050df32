//! The numbered causes of lost sessions. A number never gets another meaning.

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
            /// All causes, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the cause in one short sentence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Returns the reason and its source.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

codes! {
    1 Uncredentialed: "The page calls without credentials."
        "A call to another origin sends and stores cookies only with `credentials: 'include'`. Without it the call \
         succeeds, but the browser neither sends nor stores the cookie. Source: the Fetch standard, credentials mode."
    2 Wildcard: "The response allows `*` instead of the page's origin."
        "For a call with cookies `*` is not a wildcard: it matches no origin. Source: the Fetch standard, CORS check."
    3 NoCredentials: "The response does not allow credentials."
        "A page may read the response to a call with cookies only if the response says \
         `Access-Control-Allow-Credentials: true`, once and in lower case. Source: the Fetch standard, CORS check."
    4 OtherOrigin: "The response does not name the page's origin."
        "Origins are compared byte by byte, with scheme, host and port. A `/` at the end, upper case, `www.` or \
         another port make it a different origin. Source: the Fetch standard, CORS check."
    5 TwoOrigins: "The response names an origin twice."
        "Browsers read two values of `Access-Control-Allow-Origin` as one text, which is not an origin. It happens \
         when both the application and a proxy add the header. Source: the Fetch standard, CORS check."
    6 Preflight: "The preflight fails."
        "Before a call with JSON or custom headers, a browser sends an OPTIONS request without cookies. It makes the \
         call only if the response is 2xx with the CORS headers. A sign-in check, a router or a proxy that runs before \
         the CORS layer answers 401, 404 or 405. Source: the Fetch standard, CORS-preflight fetch."
    7 PreflightRedirected: "The preflight is redirected."
        "A browser follows no redirect of a preflight: neither to https, nor to a path with a slash, nor to a sign-in. \
         Source: the Fetch standard, CORS-preflight fetch."
    8 WildcardList: "`*` is used as the list of methods or headers."
        "For a call with cookies `*` is not a wildcard but the name of a method or header that no page uses. Each \
         method and header must be listed. Source: the Fetch standard, CORS-preflight fetch."
    9 Unlisted: "A method or header that the page uses is not listed."
        "The response to the preflight must list every method except GET, HEAD and POST, and every header that a form \
         could not send (`content-type: application/json` is one). Source: the Fetch standard, CORS-preflight fetch."
    10 ErrorsHidden: "Error responses lack the CORS headers."
        "A page cannot read a response without these headers. It sees `TypeError: Failed to fetch` instead of a 401 or \
         a 500, and cannot tell the visitor to sign in. Source: the Fetch standard, CORS check."
    11 CrossSite: "`SameSite` blocks the cookie on calls from another site."
        "When a page of another site calls, browsers neither store nor send a `Lax` or `Strict` cookie. Chrome treats \
         a cookie without `SameSite` as `Lax`. Source: RFC 6265bis, 5.6.7 and 5.7."
    12 NotSecure: "`SameSite=None` or `Partitioned` without `Secure`."
        "Browsers accept a cookie for pages of other sites only with `Secure`. Source: RFC 6265bis, 5.7; CHIPS."
    13 ThirdParty: "The cookie is a third-party cookie and not partitioned."
        "Safari blocks cookies of sites other than the page's, and so do private windows and many settings. Firefox \
         keeps a separate jar for each page's site. A `Partitioned` cookie is stored once for each page's site: by \
         Safari from 26.2 on, and not by a Firefox that is set to block all cross-site cookies. Source: CHIPS; the \
         WebKit blog on full third-party cookie blocking, 2020."
    14 SecureOverHttp: "A `Secure` cookie on plain http."
        "Browsers neither store nor send a `Secure` cookie over plain http, except on this machine. Source: RFC \
         6265bis, 5.7 and 5.8."
    15 SecureOnLoopback: "A `Secure` cookie on plain http on this machine."
        "Chrome and Firefox trust `localhost` over plain http; Safari does not. Source: the Secure Contexts \
         specification, 3.1; WebKit."
    16 SchemeUnknown: "The server does not know that it is reached over https."
        "When a proxy terminates TLS, the server behind it receives plain http. The scheme that the server is told \
         decides whether it sets `Secure` and where it redirects. Source: RFC 7239, 5.4."
    17 Domain: "`Domain` does not cover the host."
        "A host may set a cookie for itself and for the domains above it, but not for a public suffix (`com`, `co.uk`, \
         `github.io`). Source: RFC 6265bis, 5.7; the public suffix list."
    18 Prefix: "The cookie breaks the rules of its name's prefix."
        "`__Host-` requires `Secure`, `Path=/` and no `Domain`; `__Secure-` requires `Secure`. Source: RFC 6265bis, \
         4.1.3."
    19 HttpPrefix: "The cookie breaks the rules of the prefix `__Http-`."
        "`__Http-` requires `Secure` and `HttpOnly`; `__Host-Http-` also requires what `__Host-` does. Safari does not \
         know these prefixes. Source: RFC 6265bis, 4.1.3."
    20 Path: "`Path` does not cover the URL."
        "Browsers send a cookie to its path and below. Without `Path` that is the folder of the URL that set it. \
         Source: RFC 6265bis, 5.1.4."
    21 TooLarge: "The cookie is too large."
        "Browsers silently drop a cookie if its name and value together have more than 4096 bytes. Source: RFC \
         6265bis, 5.6."
    22 Expired: "The cookie has expired when it arrives."
        "Browsers remove a cookie if its `Max-Age` is 0 or less, or if its `Expires` is not later than the `Date` of \
         the response. If the response has no `Date`, the visitor's clock counts. Source: RFC 6265bis, 5.7; Chromium \
         and Firefox."
    23 LoopbackNames: "`localhost` on one side, `127.0.0.1` or `[::1]` on the other."
        "The names of one machine are different hosts, and therefore different sites. Source: the HTML standard, site."
    24 SchemesDiffer: "The page and the server use different schemes, http and https."
        "In Chrome, http and https of one host are two sites; other ports are the same site. Source: the HTML \
         standard, same site."
    26 SharedName: "Two cookies have the same name."
        "All ports of a host share one jar, and a host shares it with the domains above it. If two applications use \
         the same name, one overwrites the other's cookie, or browsers send both. Source: RFC 6265bis, 8.5 and 8.6."
    27 Certificate: "The certificate is not trusted."
        "If TLS cannot be verified, a script's call fails without asking the visitor; only a page in a tab shows the \
         warning. Source: the Fetch standard, network error."
    28 MixedContent: "A page on https calls a server on plain http."
        "Browsers block the call before anything is sent, except to `http://localhost` and `http://127.0.0.1`. Chrome \
         also allows private addresses and names below `.local`; if the page is on the internet, it asks the visitor \
         first (HT029). Source: the Mixed Content specification; the Local Network Access specification."
    29 LocalNetwork: "A page on the internet calls a server in the local network."
        "Chrome asks the visitor for permission first (from 142), and blocks the call before CORS if the visitor \
         denies it. It refuses a page on plain http without asking. Source: the Local Network Access specification."
    30 Unreachable: "The server cannot be reached."
        "The name is unknown, no program listens, or the page's own policy (`connect-src`) forbids the call. A script \
         sees `TypeError: Failed to fetch` in all three cases. Source: the Fetch standard, network error; CSP 3, \
         connect-src."
    31 ExposedSetCookie: "`Set-Cookie` is in the list of exposed headers."
        "No script can ever read `Set-Cookie`, because the browser handles the cookie itself. Listing it has no \
         effect. Source: the Fetch standard, forbidden response-header name."
    33 Strict: "The cookie is `SameSite=Strict`."
        "A visitor who arrives by a link, or from a sign-in at another site, is not signed in on the first page, but \
         is on the second. Source: RFC 6265bis, 5.6.7."
    34 Redirected: "The call is redirected to another origin."
        "After a redirect to another origin, the `Origin` of the call can be `null`, which no server should list, and \
         a cookie that was set on the way may belong to another site. Source: the Fetch standard, HTTP-redirect fetch."
    35 Cached: "A cache answers with an old response."
        "A cache can repeat a stored response without asking the server: to another visitor, or with a cookie that is \
         no longer valid. Source: RFC 9111, 3 and 7.3."
    36 NotForwarded: "The page was rendered without the session."
        "A call that the server makes while it renders a page is a client of its own. It carries no cookies unless the \
         server forwards them, and the cookies that it receives do not reach the browser."
    37 Forgotten: "The server does not know the cookie's session."
        "The cookie came back, but the store has no row for it: a store in memory was restarted, the row was evicted, \
         or the session was ended and the browser does not know it yet."
    38 NodesDiffer: "Several servers answer, and not all know the session."
        "Servers behind one address need one store and the same keys. Otherwise it is chance whether a request is \
         signed in."
    39 NoRoom: "The browser stores no cookies here, or has no room for more."
        "A visitor, an extension or a company policy can forbid cookies. If one domain has too many cookies, browsers \
         drop the oldest; they need not keep more than 50. Source: RFC 6265bis, 6.1."
    40 Clock: "The clocks differ."
        "The tokens of a sign-in with a provider, certificates, and `Expires` in a response without `Date` are checked \
         by the clock of the program that reads them. Source: RFC 6265bis, 5.7; OpenID Connect Core, 3.1.3.7."
    41 CertificateEnds: "The certificate expires soon."
        "From that moment every call fails without asking the visitor (HT027). Source: RFC 5280, 4.1.2.5."
    42 PlainHttp: "Sessions travel over plain http."
        "An attacker on the network path can read the cookie and take over the session. Source: ASVS 5.0, 12.2.1."
    43 NoCookie: "No response has set a cookie."
        "A server need not begin a session at every URL. Express sets no `secure` cookie while it believes that the \
         connection is plain http. Source: express-session, cookie.secure."
    44 Unreadable: "A `Set-Cookie` line sets nothing."
        "Browsers drop a line with control characters, or with neither a name nor a value. Source: RFC 6265bis, 5.6."
    45 Joined: "Two cookies are joined in one `Set-Cookie` line."
        "A `Set-Cookie` line holds one cookie. If a proxy or a library joins two with a comma, browsers read only the \
         first, and the comma and the text after it become a part of that cookie. Source: RFC 9110, 5.3; RFC 6265bis, \
         5.6."
    46 Cleared: "The response clears the cookies."
        "`Clear-Site-Data: \"cookies\"` removes all cookies of the host's registrable domain, also those that the same \
         response sets. Source: the Clear Site Data specification, 3.1."
    47 Refused: "Every call was refused."
        "A bot filter, a firewall, a protected preview or a broken server answers instead of the application, so its \
         sessions cannot be judged. Source: RFC 9110, 15.5 and 15.6."
    48 DeadEnd: "The redirects lead to no response."
        "A browser follows at most twenty redirects of a call, and none to a scheme other than http and https or to a \
         URL with a user name. Then the call fails. Source: the Fetch standard, HTTP-redirect fetch."
    49 AnyOrigin: "The server allows pages of any origin."
        "A server that answers `Access-Control-Allow-Credentials: true` to every origin lets every page read what the \
         visitor may read. Only `SameSite` is left as a protection, and it does not stop pages of the same site. \
         Source: the Fetch standard, CORS protocol and credentials."
    50 ProviderUnusable: "Visitors cannot sign in with a provider."
        "A provider publishes metadata below its issuer: where users sign in, and which keys it signs with. The \
         metadata must be for exactly the issuer in the settings, and must offer the code flow. Source: OpenID Connect \
         Discovery 1.0, 3 and 4.3."
    51 ProviderDiffers: "A provider does not list a feature that it is asked for."
        "A provider may refuse a feature that it does not list, with an error page that does not lead back. Many \
         providers support more than they list. Source: OpenID Connect Discovery 1.0, 3; RFC 8414, 2."
    52 ProviderUnnamed: "A provider does not name itself in its response."
        "If a site has several providers, one of them could pass off a response as another's. A response that names \
         its issuer prevents that, and so does a separate callback for each provider. Source: RFC 9207; RFC 9700, 4.4."
}

impl Code {
    /// Returns its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the path of its documentation, relative to the root of the repository: `docs/DOCTOR.md#ht013`.
    #[must_use]
    pub fn link(self) -> String {
        format!("docs/DOCTOR.md#{}", self.to_string().to_lowercase())
    }
}

/// Writes a code as `HT013`.
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
        known.ok_or_else(|| format!("`{text}` is not the code of a finding"))
    }
}
