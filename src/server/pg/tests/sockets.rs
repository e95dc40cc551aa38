//! The door on real sockets: what the in-memory stream cannot show.

use super::{
    fake::Database,
    harness::{message, show, startup},
};
use crate::{
    env::{Env, TcpStream, glommio::block_on},
    server::pg::{Options, Server},
};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::{net::SocketAddr, time::Duration};

async fn open(env: &Env, options: Options) -> Server {
    Server::open_with(env, Database::default(), options).await.unwrap()
}

fn any_port() -> Options {
    Options::at(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Reads until ReadyForQuery or the end of the stream.
async fn answer(env: &Env, stream: &mut TcpStream) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = vec![0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            bytes.extend_from_slice(&buffer[..count]);
            if count == 0 || bytes.len() >= 6 && bytes[bytes.len() - 6] == b'Z' {
                return;
            }
        }
    };
    assert!(env.timeout(Duration::from_secs(10), read).await.is_some(), "no answer");
    show(&bytes)
}

async fn client(env: &Env, server: &Server) -> TcpStream {
    let mut stream = env.connect(server.address()).await.unwrap();
    stream.write_all(&startup(b"user\0ann\0")).await.unwrap();
    assert_eq!(answer(env, &mut stream).await.last().unwrap(), "Z I");
    stream
}

#[test]
fn a_panic_ends_its_connection_only() {
    block_on(|env| async move {
        let server = open(&env, any_port()).await;
        let (mut one, mut other) = (client(&env, &server).await, client(&env, &server).await);
        one.write_all(&message(b'Q', b"panic\0")).await.unwrap();
        assert_eq!(answer(&env, &mut one).await, [""; 0]);
        other.write_all(&message(b'Q', b"insert\0")).await.unwrap();
        assert_eq!(answer(&env, &mut other).await, ["C INSERT 0 1", "Z I"]);
        assert_eq!(server.sessions(), 1);
        server.stop(Duration::from_secs(5)).await;
        let last = answer(&env, &mut other).await;
        assert!(last[0].starts_with("E S=FATAL C=57P01"), "{last:?}");
    });
}

#[test]
fn a_client_that_does_not_log_in_is_let_go() {
    block_on(|env| async move {
        let server = open(&env, Options { login_time_max: Duration::from_millis(50), ..any_port() }).await;
        let mut stream = env.connect(server.address()).await.unwrap();
        stream.write_all(b"\0\0").await.unwrap();
        assert_eq!(answer(&env, &mut stream).await, [""; 0]);
        // One that did may take its time.
        let mut stream = client(&env, &server).await;
        env.sleep(Duration::from_millis(120)).await;
        stream.write_all(&message(b'Q', b"insert\0")).await.unwrap();
        assert_eq!(answer(&env, &mut stream).await, ["C INSERT 0 1", "Z I"]);
        server.stop(Duration::ZERO).await;
    });
}

#[test]
fn more_clients_than_may_be_greeted_at_once_wait_for_their_turn() {
    block_on(|env| async move {
        let server = open(&env, Options { login_time_max: Duration::from_millis(200), ..any_port() }).await;
        let mut silent = Vec::new();
        for _ in 0..600 {
            silent.push(env.connect(server.address()).await.unwrap());
        }
        let mut stream = client(&env, &server).await;
        stream.write_all(&message(b'Q', b"insert\0")).await.unwrap();
        assert_eq!(answer(&env, &mut stream).await, ["C INSERT 0 1", "Z I"]);
        server.stop(Duration::ZERO).await;
    });
}

#[test]
fn an_error_reaches_a_client_that_still_sends() {
    block_on(|env| async move {
        let server = open(&env, any_port()).await;
        let mut stream = client(&env, &server).await;
        let mut noise = b"Q\0\0\0\x03".to_vec();
        noise.resize(1 << 20, b'x');
        stream.write_all(&noise).await.unwrap();
        let told = answer(&env, &mut stream).await;
        assert!(told[0].starts_with("E S=FATAL C=08P01"), "{told:?}");
        server.stop(Duration::ZERO).await;
    });
}

#[test]
fn stopping_ends_a_session_in_a_transaction_when_the_grace_is_over() {
    block_on(|env| async move {
        let server = open(&env, any_port()).await;
        let mut stream = client(&env, &server).await;
        stream.write_all(&message(b'Q', b"begin\0")).await.unwrap();
        assert_eq!(answer(&env, &mut stream).await, ["C BEGIN", "Z T"]);
        let before = env.now();
        server.stop(Duration::from_millis(100)).await;
        assert!(env.now() - before >= Duration::from_millis(100));
        assert!(answer(&env, &mut stream).await[0].starts_with("E S=FATAL C=57P01"));
    });
}

#[test]
fn it_listens_on_loopback_only() {
    block_on(|env| async move {
        let options = Options::at(SocketAddr::from(([0, 0, 0, 0], 0)));
        let error = Server::open_with(&env, Database::default(), options).await.err().unwrap();
        assert_eq!(error.state().as_str(), "F0000");
        assert!(error.hint().is_some());
    });
}
