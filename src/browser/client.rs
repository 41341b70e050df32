//! The HTTP client of the server functions.

use super::request::{Answer, Request};
use crate::model::error::{Kind, WireError};
use futures::sink::{Drain, Sink};
use futures::stream::{Empty, Stream};
use http::Method;
use send_wrapper::SendWrapper;
use server_fn::Bytes;
use server_fn::client::Client;
use server_fn::request::ClientReq;
use server_fn::response::ClientRes;

/// A client that sends the calls of server functions as [`Request`]s: with the cookie, to the page's server.
pub struct Credentialed;

impl Client<WireError> for Credentialed {
    type Request = Request;
    type Response = Answer;

    fn send(request: Request) -> impl Future<Output = Result<Answer, WireError>> + Send {
        // `SendWrapper` is sound, because the browser runs one thread.
        SendWrapper::new(async move { request.send().await.map_err(|failure| failure.error) })
    }

    async fn open_websocket(
        _: &str,
    ) -> Result<(impl Stream<Item = Result<Bytes, Bytes>> + Send + 'static, impl Sink<Bytes> + Send + 'static), WireError>
    {
        Err::<(Empty<_>, Drain<_>), _>(Kind::Invalid.into())
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        leptos::task::spawn_local(future);
    }
}

/// The server functions send queries and texts only. All other kinds are errors, so that no code for them is in the
/// browser's program.
impl ClientReq<WireError> for Request {
    type FormData = ();

    fn try_new_req_query(path: &str, _: &str, _: &str, query: &str, method: Method) -> Result<Self, WireError> {
        let path = if query.is_empty() { path.to_owned() } else { [path, "?", query].concat() };
        Ok(Self::new(name(&method)?, path))
    }

    fn try_new_req_text(path: &str, _: &str, _: &str, body: String, method: Method) -> Result<Self, WireError> {
        Ok(Self::new(name(&method)?, path.to_owned()).body("application/json", body))
    }

    fn try_new_req_bytes(path: &str, _: &str, _: &str, body: Bytes, method: Method) -> Result<Self, WireError> {
        let text = String::from_utf8(body.into()).map_err(|_| WireError::from(Kind::Invalid))?;
        Self::try_new_req_text(path, "", "", text, method)
    }

    fn try_new_req_form_data(_: &str, _: &str, _: &str, (): (), _: Method) -> Result<Self, WireError> {
        Err(Kind::Invalid.into())
    }

    fn try_new_req_multipart(_: &str, _: &str, (): (), _: Method) -> Result<Self, WireError> {
        Err(Kind::Invalid.into())
    }

    fn try_new_req_streaming(
        _: &str,
        _: &str,
        _: &str,
        _: impl Stream<Item = Bytes> + Send + 'static,
        _: Method,
    ) -> Result<Self, WireError> {
        Err(Kind::Invalid.into())
    }
}

fn name(method: &Method) -> Result<&'static str, WireError> {
    ["GET", "POST", "PUT", "PATCH", "DELETE"]
        .into_iter()
        .find(|name| *name == method.as_str())
        .ok_or_else(|| Kind::MethodNotAllowed.into())
}

impl ClientRes<WireError> for Answer {
    async fn try_into_string(self) -> Result<String, WireError> {
        Ok(self.text)
    }

    async fn try_into_bytes(self) -> Result<Bytes, WireError> {
        Ok(self.text.into())
    }

    fn try_into_stream(self) -> Result<impl Stream<Item = Result<Bytes, Bytes>> + Send + Sync + 'static, WireError> {
        Ok(futures::stream::once(std::future::ready(Ok(self.text.into()))))
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn status_text(&self) -> String {
        String::new()
    }

    fn location(&self) -> String {
        String::new()
    }

    fn has_redirect(&self) -> bool {
        false
    }
}
