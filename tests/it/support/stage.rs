//! A site with OpenID providers, and people who use both.

use super::app::App;
use super::issuer::{Issuer, leads};
use super::people::Person;
use futures::future::join;
use serde_json::Value;
use std::time::Duration;

/// A site with two providers, `a` and `b`.
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

    /// Advances the clock until the sign-ins of now are no longer recent.
    pub fn wait_until_not_fresh(&self) {
        self.app.clock.advance(Duration::from_secs(16 * 60));
    }

    pub fn person(&self, name: &str) -> Person {
        Person::at(&self.app.url(""), &format!("{name}@example.com"))
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        super::rows(&self.app.database(), table).await
    }

    /// Connects a provider to the account of a person who is signed in.
    pub async fn connect(&self, person: &Person, (id, issuer): (&str, &Issuer), subject: &str) -> String {
        let way = person.leave(&[("provider", id), ("purpose", "connect")]).await;
        let code = issuer.good(&way, subject);
        leads(&person.arrive(id, &[("state", &way.state), ("code", &code)]).await)
    }
}

/// Returns the profile of the person who is signed in.
pub async fn profile(person: &Person) -> Value {
    let told = person.profile().await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["profile"].clone()
}
