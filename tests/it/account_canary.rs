//! Passwords and cookies appear in no response and in no log line, in any flow of an account.

use crate::support::people::Person;
use crate::support::process::Place;
use serde_json::json;

const FIRST: &str = "canary-4711 le sel de la mer";
const SECOND: &str = "canary-4712 un biscuit qui dure";
const WRONG: &str = "canary-4713 not that one";

#[tokio::test(flavor = "multi_thread")]
async fn g11_no_password_and_no_cookie_is_told_or_logged_in_any_flow_of_an_account() {
    let place = Place::new();
    let server = place.serve(&[("LOG_LEVEL", "trace")]).await;
    let ada = Person::at(&server.url(""), "ada@example.com");
    let phone = ada.elsewhere();
    let name = &ada.username;
    let (mut told, mut secrets) = (String::new(), Vec::new());
    for (person, path, body, status) in [
        (&ada, "/api/register", json!({"name": "Ada", "username": name, "password": FIRST}), 200),
        (&ada, "/api/register", json!({"name": "Ada", "username": name, "password": SECOND}), 409),
        (&ada, "/api/register", json!({"name": "Ada", "username": FIRST, "password": FIRST}), 400),
        (&phone, "/api/login", json!({"username": name, "password": WRONG}), 401),
        (&phone, "/api/login", json!({"username": WRONG, "password": WRONG}), 401),
        (&phone, "/api/login", json!({"username": name, "password": FIRST, "keep": "canary-4714"}), 400),
        (&phone, "/api/login", json!({"username": name, "password": FIRST, "keep": true}), 200),
        (&phone, "/api/confirm", json!({"current": WRONG}), 401),
        (&phone, "/api/confirm", json!({"current": FIRST}), 200),
        (&ada, "/api/password", json!({"current": WRONG, "new": SECOND}), 401),
        (&ada, "/api/password", json!({"current": FIRST, "new": "canary"}), 400),
        (&ada, "/api/password", json!({"current": FIRST, "new": SECOND}), 200),
        (&ada, "/api/devices/end", json!({"handle": WRONG}), 404),
        (&ada, "/api/devices/end-others", json!({}), 200),
        (&ada, "/api/logout", json!({}), 200),
    ] {
        let answer = person.post(path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        told += &answer.body.to_string();
        told += &answer.headers.join("\n");
        let values = answer.cookies.iter().filter_map(|cookie| cookie.split(['=', ';']).nth(1));
        secrets.extend(values.filter(|value| value.len() > 20).map(str::to_owned));
    }
    for path in ["/login", "/register", "/"] {
        let page = ada.browser.get(server.url(path)).send().await.expect("an answer");
        told += &page.text().await.expect("a page");
    }
    let log = server.stop().await.join("\n");
    assert!(log.contains("a password was changed") && secrets.len() > 4, "{log}");
    // The payload and the signature of a cookie are also secret, each by itself.
    let parts = secrets.iter().flat_map(|secret| secret.split('.')).filter(|part| part.len() > 20);
    for canary in parts.chain(["canary-47"]) {
        assert!(!told.contains(canary), "{canary} is in a response");
        assert!(!log.contains(canary), "{canary} is in the log");
    }
}
