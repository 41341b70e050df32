//! Signing in by another service where several servers share a database: once, wherever one comes back to.

use crate::support::app::browser;
use crate::support::issuer::{Issuer, callback, leads};
use crate::support::people::{PASSWORD, Person};
use crate::support::process::{Place, Running};
use crate::support::{SHARED, open};
use futures::future::join;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn s76_a_sign_in_is_finished_once_on_whatever_node() {
    let issuer = Issuer::start().await;
    let providers = format!("[{}]", issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret"));
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let secret = place.path().join("a.secret");
        std::fs::write(&secret, "hardtack").expect("a secret");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a private file");
        let settings = [("SIGN_IN_PROVIDERS", providers.as_str())];
        let servers = [place.serve(&settings).await, place.serve(&settings).await];
        let ada = Person::at(&servers[0].url(""), "ada@example.com");
        let (way, cookie) = ada.leave_remembered(&[("provider", "a")]).await;
        let arrive = |server: &Running| {
            let code = issuer.good(&way, "ada");
            let url = callback(server.url("").trim_end_matches('/'), "a", &[("state", &way.state), ("code", &code)]);
            let request = browser().get(url).header("cookie", cookie.clone());
            async move { request.header("accept", "text/html").send().await.expect("an answer") }
        };
        let both = join(arrive(&servers[0]), arrive(&servers[1])).await;
        let mut statuses = [both.0.status().as_u16(), both.1.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 400], "{kind:?}");
        // The account is the same on each, and may be connected, disconnected and given a password.
        for server in &servers {
            let ada = Person::at(&server.url(""), "ada@example.com");
            assert_eq!(leads(&ada.sign_in_at(&issuer, "ada").await), "/profile");
            let told = ada.profile().await.body;
            assert_eq!(told["profile"]["providers"], json!(["a"]), "{kind:?}");
        }
        let grace = Person::at(&servers[0].url(""), "grace@example.com").registered().await;
        let way = grace.leave(&[("provider", "a"), ("purpose", "connect")]).await;
        let code = issuer.good(&way, "grace");
        let there = grace.moved(&servers[1]);
        assert_eq!(leads(&there.arrive("a", &[("state", &way.state), ("code", &code)]).await), "/security");
        let told = grace.post("/api/disconnect", json!({"provider": "a"})).await;
        assert_eq!(told.body["profile"]["providers"], json!([]), "{kind:?}: {told:?}");
        assert_eq!(there.elsewhere().login(PASSWORD).await.status, 200);
    }
}
