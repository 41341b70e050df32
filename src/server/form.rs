//! A form that a page has posted without script, and the page that its visitor sees next.

use super::access::wanted;
use super::fields::text;
use crate::app::access::{DEVICES, LOGIN, PROFILE, REGISTER, SECURITY};
use crate::app::parts::elsewhere::CONFIRM;
use crate::model::error::WireError;
use crate::model::next::Next;
use axum::http::{HeaderMap, Uri, header, request::Parts};

/// What decides where a form leads.
pub(super) struct Form {
    /// The last part of the address that it was posted to.
    endpoint: String,
    /// The page that it stood on, as far as the browser says.
    page: Option<Next>,
    /// Where its visitor wanted to go, before signing in stood between.
    next: Option<Next>,
}

impl Form {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let endpoint = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let from = referer(&parts.headers);
        let page = from.as_ref().and_then(|uri| Next::parse(uri.path())).filter(|page| holds(page.path(), &endpoint));
        let mut fields = url::form_urlencoded::parse(body);
        let field = fields.find(|(name, _)| name == Next::NAME).and_then(|(_, path)| Next::parse(&path));
        // A form that knows nothing of it, as that of the theme, leads back to a page that does.
        Self { endpoint, page, next: field.or_else(|| wanted(from.as_ref()?)) }
    }

    /// The page that says what became of the form: told by fixed words in the address, and by nothing that was sent.
    pub(super) fn leads_to(&self, error: Option<&WireError>) -> String {
        let next = self.next.as_ref();
        let word = match (error, self.endpoint.as_str()) {
            (None, "login" | "register") => return next.map_or(PROFILE, Next::path).to_owned(),
            (None, "logout") => return "/".to_owned(),
            (None, endpoint) => format!("done={endpoint}"),
            (Some(error), _) => {
                let field = if error.blames().is_empty() { "" } else { "&field=" };
                // On a page with another form of such a field it says which.
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

/// The page of a form that came without saying from where.
fn home(endpoint: &str) -> &'static str {
    pages(endpoint).first().copied().unwrap_or("/")
}

/// Whether a page has the form. Of a page of another origin browsers say the origin alone, which looks like the home page.
fn holds(page: &str, endpoint: &str) -> bool {
    let pages = pages(endpoint);
    // On all pages stand the forms of the head.
    pages.is_empty() || pages.contains(&page)
}

/// The pages that have a form: those of the head are on each.
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

/// The address of the page that the form stood on, without its host, which says nothing.
fn referer(headers: &HeaderMap) -> Option<Uri> {
    let referer = url::Url::parse(&text(headers, header::REFERER)?).ok()?;
    referer[url::Position::BeforePath..url::Position::AfterQuery].parse().ok()
}
