//! A form that a page has posted without script, and the page that follows it.

use super::access::wanted;
use super::fields::text;
use crate::app::access::{DEVICES, LOGIN, PROFILE, REGISTER, SECURITY};
use crate::app::parts::elsewhere::CONFIRM;
use crate::model::error::WireError;
use crate::model::next::Next;
use axum::http::{HeaderMap, Uri, header, request::Parts};

/// The facts that decide which page follows a form.
pub(super) struct Form {
    /// The last segment of the path that the form was posted to.
    endpoint: String,
    /// The page that the form is on, if the browser names it.
    page: Option<Next>,
    /// The page that the visitor wanted to see before the sign-in.
    next: Option<Next>,
}

impl Form {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let endpoint = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let from = referer(&parts.headers);
        let page = from.as_ref().and_then(|uri| Next::parse(uri.path())).filter(|page| holds(page.path(), &endpoint));
        let mut fields = url::form_urlencoded::parse(body);
        let field = fields.find(|(name, _)| name == Next::NAME).and_then(|(_, path)| Next::parse(&path));
        // A form without the field, like that of the theme, keeps the field of its page's URL.
        Self { endpoint, page, next: field.or_else(|| wanted(from.as_ref()?)) }
    }

    /// Returns the URL of the page that shows the outcome of the form. It holds fixed words, and nothing that was sent.
    pub(super) fn leads_to(&self, error: Option<&WireError>) -> String {
        let next = self.next.as_ref();
        let word = match (error, self.endpoint.as_str()) {
            (None, "login" | "register") => return next.map_or(PROFILE, Next::path).to_owned(),
            (None, "logout") => return "/".to_owned(),
            (None, endpoint) => format!("done={endpoint}"),
            (Some(error), _) => {
                let field = if error.blames().is_empty() { "" } else { "&field=" };
                // The page has another form with such a field, so the URL names the form.
                let form = if self.endpoint == CONFIRM { format!("&form={CONFIRM}") } else { String::new() };
                format!("error={}{field}{}{form}", error.kind.name(), error.blames())
            }
        };
        let page = self.page.as_ref().map_or_else(|| home(&self.endpoint), Next::path);
        match next {
            Some(next) => format!("{}&{word}", next.behind(page)),
            None => format!("{page}?{word}"),
        }
    }
}

/// Returns the page of a form whose request does not name it.
fn home(endpoint: &str) -> &'static str {
    pages(endpoint).first().copied().unwrap_or("/")
}

/// Returns whether a page has the form. Browsers name a page of another origin by its origin, which looks like the home
/// page.
fn holds(page: &str, endpoint: &str) -> bool {
    let pages = pages(endpoint);
    // The forms of the page header are on all pages.
    pages.is_empty() || pages.contains(&page)
}

/// Returns the pages that have a form; none for the forms of the page header, which are on each.
const fn pages(endpoint: &str) -> &'static [&'static str] {
    match endpoint.as_bytes() {
        b"login" => &[LOGIN],
        b"register" => &[REGISTER],
        b"password" | b"disconnect" => &[SECURITY],
        b"confirm" => &[DEVICES, SECURITY],
        b"end" | b"end-others" => &[DEVICES],
        b"session" | b"visits" => &["/"],
        _ => &[],
    }
}

/// Returns path and query of the page that the form was on. The host is dropped, because it says nothing.
fn referer(headers: &HeaderMap) -> Option<Uri> {
    let referer = url::Url::parse(&text(headers, header::REFERER)?).ok()?;
    referer[url::Position::BeforePath..url::Position::AfterQuery].parse().ok()
}
