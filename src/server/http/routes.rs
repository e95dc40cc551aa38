//! What each path answers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};
use std::{future::Future, pin::Pin};

/// What the node has to say for itself.
pub struct Answers {
    /// Facts for `/health`, a JSON object; the node is alive if it can say them.
    pub health: Box<dyn Fn() -> Value>,
    /// Whether statements are served, or why not.
    pub ready: Box<dyn Fn() -> Result<(), String>>,
    /// The text that Prometheus reads; it may have to ask other cores.
    pub metrics: Box<dyn Fn() -> LocalFuture<String>>,
}

/// A boxed future of this core.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The paths that exist, for the answer to one that does not.
const PATHS: [&str; 3] = ["/health", "/ready", "/metrics"];
/// Prometheus' text format.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers a request.
pub(super) async fn answer(answers: &Answers, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if !PATHS.contains(&path) {
        let hint = format!("There are {}.", PATHS.join(", "));
        return error(StatusCode::NOT_FOUND, &format!("there is no {}", shorten(path)), &hint);
    }
    if method != Method::GET && method != Method::HEAD {
        let message = format!("{path} does not take {}", shorten(method.as_str()));
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, &message, "Use GET.");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/health" => health(answers),
        "/ready" => ready(answers),
        _ => respond(StatusCode::OK, METRICS_TYPE, (answers.metrics)().await),
    }
}

fn health(answers: &Answers) -> Response<Full<Bytes>> {
    let mut facts = json!({ "status": "ok" });
    if let (Value::Object(facts), Value::Object(more)) = (&mut facts, (answers.health)()) {
        facts.extend(more);
    }
    respond_json(StatusCode::OK, &facts)
}

fn ready(answers: &Answers) -> Response<Full<Bytes>> {
    match (answers.ready)() {
        Ok(()) => respond_json(StatusCode::OK, &json!({ "ready": true })),
        Err(reason) => {
            let body = json!({ "ready": false, "reason": reason });
            let mut response = respond_json(StatusCode::SERVICE_UNAVAILABLE, &body);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

fn error(status: StatusCode, message: &str, hint: &str) -> Response<Full<Bytes>> {
    respond_json(status, &json!({ "error": { "status": status.as_u16(), "message": message, "hint": hint } }))
}

fn respond_json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    respond(status, "application/json", format!("{body}\n"))
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Something a client sent, for a message: not longer than a line.
fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
