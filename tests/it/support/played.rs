//! A stub server that is healthy except for the fault of a test.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A response under construction.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// Replaces the values of a header.
    pub fn set(&mut self, name: &'static str, values: &[&str]) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.extend(values.iter().map(|value| (name, (*value).to_owned())));
    }

    /// Replaces the value of a header if the response has it.
    pub fn change(&mut self, name: &'static str, value: &str) {
        if self.headers.iter().any(|(known, _)| *known == name) {
            self.set(name, &[value]);
        }
    }
}

/// A change that makes a healthy response faulty.
pub type Change = Arc<dyn Fn(&Parts, &mut Answer) + Send + Sync>;

/// Returns the response of a healthy server with a session at `/session`.
fn healthy(request: &Parts, fresh: &str) -> Answer {
    let mut headers = vec![("cache-control", "no-store".to_owned())];
    let known = |origin: &&HeaderValue| !origin.as_bytes().ends_with(b".invalid");
    if let Some(origin) = request.headers.get("origin").filter(known) {
        headers.push(("access-control-allow-origin", origin.to_str().expect("text").to_owned()));
        headers.push(("access-control-allow-credentials", "true".to_owned()));
    }
    let status = match (request.method.as_str(), request.uri.path()) {
        ("OPTIONS", _) => {
            headers.push(("access-control-allow-methods", "GET, POST".to_owned()));
            headers.push(("access-control-allow-headers", "Content-Type".to_owned()));
            204
        }
        (_, "/session") => {
            if !request.headers.contains_key("cookie") {
                headers.push(("set-cookie", format!("sid={fresh}; Path=/; HttpOnly; SameSite=Lax")));
            }
            200
        }
        _ => 404,
    };
    Answer { status, headers }
}

/// Returns routes with this fault. Each session gets another cookie value.
pub fn routes(change: Change) -> Router {
    let count = Arc::new(AtomicU32::new(0));
    Router::new().fallback(async move |request: Request| {
        let (request, _) = request.into_parts();
        let fresh = format!("a-secret-value-{}", count.fetch_add(1, Ordering::Relaxed));
        let mut answer = healthy(&request, &fresh);
        change(&request, &mut answer);
        let mut response = Response::new(Body::from("{}"));
        *response.status_mut() = answer.status.try_into().expect("a status");
        for (name, value) in answer.headers {
            let value = HeaderValue::from_str(&value).expect("a value");
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        response
    })
}

/// Starts a server on this address of this machine and returns its port.
pub async fn serve(ip: IpAddr, change: Change) -> u16 {
    let listener = tokio::net::TcpListener::bind((ip, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, routes(change)).await });
    port
}

/// Returns an address of this machine that other machines reach, if there is one. No packet is sent.
pub fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}
