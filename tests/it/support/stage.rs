//! A site with providers of sign-ins, and the people who use both.

use super::app::App;
use super::issuer::{Issuer, leads};
use super::people::Person;
use futures::future::join;
use serde_json::Value;
use std::time::Duration;

/// A site that knows two providers, `a` and `b`.
pub struct Stage {
    pub app: App,
    pub a: Issuer,
    pub b: Issuer,
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_with(&[]).await
    }

    pub async fn set_with(settings: &[(&str, &str)]) -> Self {
        let (a, b) = join(Issuer::start(), Issuer::start()).await;
        let providers = format!("[{}, {}]", a.setting("a"), b.setting("b"));
        let own = [("SIGN_IN_PROVIDERS", providers.as_str()), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")];
        let settings: Vec<_> = own.iter().chain(settings).copied().collect();
        let app = App::start_with(&settings).await;
        a.follow(&app.clock);
        b.follow(&app.clock);
        Self { app, a, b }
    }

    /// Waits, without waiting, until sign-ins of now are no longer fresh.
    pub fn wait_until_not_fresh(&self) {
        self.app.clock.advance(Duration::from_secs(16 * 60));
    }

    pub fn person(&self, name: &str) -> Person {
        Person::at(&self.app.url(""), &format!("{name}@example.com"))
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        super::rows(&self.app.database(), table).await
    }

    /// Connects a provider with the account of somebody who is signed in.
    pub async fn connect(&self, person: &Person, (id, issuer): (&str, &Issuer), subject: &str) -> String {
        let way = person.leave(&[("provider", id), ("purpose", "connect")]).await;
        let code = issuer.good(&way, subject);
        leads(&person.arrive(id, &[("state", &way.state), ("code", &code)]).await)
    }
}

/// Who is signed in, as the site says it.
pub async fn profile(person: &Person) -> Value {
    let told = person.profile().await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["profile"].clone()
}
