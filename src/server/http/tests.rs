//! The door on a real socket, spoken to byte by byte.

use super::{Answers, Options, Server};
use crate::env::{Env, glommio::block_on};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use serde_json::json;
use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

async fn open(env: &Env, ready: Rc<Cell<bool>>, idle_time_max: Duration) -> Server {
    let answers = Answers {
        health: Box::new(|| json!({ "node_id": "n1" })),
        ready: Box::new(move || if ready.get() { Ok(()) } else { Err("the log is being read".to_string()) }),
        metrics: Box::new(|| Box::pin(async { "up 1\n".to_string() })),
    };
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::open(env, answers, Options { idle_time_max, ..Options::at(address) }).await.unwrap()
}

/// Sends bytes and reads until the server closes.
async fn exchange(env: &Env, server: &Server, bytes: &[u8]) -> String {
    let mut stream = env.connect(server.address()).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        let _ = stream.write_all(bytes).await; // refused early is fine: the answer tells
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
        }
    };
    assert!(env.timeout(Duration::from_secs(10), talk).await.is_some(), "the connection stays open");
    String::from_utf8(answer).unwrap()
}

async fn get(env: &Env, server: &Server, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = exchange(env, server, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_string())
}

#[test]
fn health_readiness_and_metrics_are_told() {
    block_on(|env| async move {
        let ready = Rc::new(Cell::new(false));
        let server = open(&env, ready.clone(), Duration::from_secs(5)).await;
        assert_eq!(get(&env, &server, "/health").await, (200, "{\"node_id\":\"n1\",\"status\":\"ok\"}\n".into()));
        let not_ready = "{\"ready\":false,\"reason\":\"the log is being read\"}\n";
        assert_eq!(get(&env, &server, "/ready").await, (503, not_ready.into()));
        ready.set(true);
        assert_eq!(get(&env, &server, "/ready?x=y").await, (200, "{\"ready\":true}\n".into()));
        assert_eq!(get(&env, &server, "/metrics").await, (200, "up 1\n".into()));
        server.stop().await;
    });
}

#[test]
fn what_cannot_be_had_is_said_as_json() {
    block_on(|env| async move {
        let server = open(&env, Rc::default(), Duration::from_secs(5)).await;
        let (status, body) = get(&env, &server, "/nodes/../health").await;
        assert_eq!(status, 404);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["message"], "there is no /nodes/../health");
        let post = b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        let answer = exchange(&env, &server, post).await;
        assert!(answer.starts_with("HTTP/1.1 405") && answer.to_lowercase().contains("allow: get, head"), "{answer}");
        let head = exchange(&env, &server, b"HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        server.stop().await;
    });
}

#[test]
fn heads_that_are_too_large_or_too_slow_or_no_heads_are_let_go() {
    block_on(|env| async move {
        let server = open(&env, Rc::default(), Duration::from_millis(200)).await;
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
        let answer = exchange(&env, &server, long.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
        let answer = exchange(&env, &server, many.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        // Half a head, then nothing; nothing at all; a request, and then nothing.
        assert_eq!(exchange(&env, &server, b"GET /health HT").await, "");
        assert_eq!(exchange(&env, &server, b"").await, "");
        assert!(exchange(&env, &server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        assert!(!exchange(&env, &server, b"\0\0\0\x08\x04\xd2\x16\x2f").await.starts_with("HTTP/1.1 2"));
        assert_eq!(get(&env, &server, "/health").await.0, 200);
        server.stop().await;
    });
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    block_on(|env| async move {
        let server = open(&env, Rc::default(), Duration::from_secs(5)).await;
        let two =
            b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = exchange(&env, &server, two).await;
        let (health, metrics) = (answer.find("n1").unwrap(), answer.find("up 1").unwrap());
        assert!(health < metrics);
        server.stop().await;
    });
}
