//! From the first byte of a connection to its first ReadyForQuery.

use super::{
    backend::{Backend, Sessions},
    connection::{Admission, Connection, Failure},
    message::violation,
    startup::{self, Encryption, First, Opening},
};
use crate::{base::sqlstate::SqlState, error::Error};
use futures_lite::{AsyncRead, AsyncWrite, future::pending};

/// A session that was let in.
pub(super) struct Opened<B> {
    pub backend: B,
    pub admission: Admission,
}

/// Greets a client. `None`: it wanted something else (to cancel a query) and was served.
pub(super) async fn greet<S, C>(
    connection: &mut Connection<S>,
    sessions: &C,
    remote: &str,
) -> Result<Option<Opened<C::Session>>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Sessions,
{
    let mut declined = Vec::new();
    loop {
        let first = loop {
            match connection.input.take_startup().map_err(Failure::Fatal)? {
                Some(body) => break startup::first(body, remote).map_err(Failure::Fatal)?,
                None => connection.read(true, pending()).await?,
            }
        };
        match first {
            First::Encryption(kind) => decline(connection, kind, &mut declined).await?,
            First::Cancel { process_id, secret } => {
                sessions.cancel(process_id, secret).await;
                return Ok(None);
            }
            First::Startup(opening) => return open(connection, sessions, opening).map(Some).map_err(Failure::Fatal),
        }
    }
}

/// Answers N, so that the client goes on in plain text or leaves.
async fn decline<S>(
    connection: &mut Connection<S>,
    kind: Encryption,
    declined: &mut Vec<Encryption>,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if declined.contains(&kind) {
        let message = "encryption was asked for again after it was declined";
        return Err(Failure::Fatal(Error::new(SqlState::PROTOCOL_VIOLATION, message)));
    }
    declined.push(kind);
    if !connection.input.is_empty() {
        let error = violation("received unencrypted data after encryption request")
            .with_detail("This could be a client bug, or somebody between the client and the node.");
        return Err(Failure::Fatal(error));
    }
    connection.output.raw(b'N');
    connection.flush().await
}

/// Opens the session and writes all that a client is told before its first statement.
fn open<S, C>(connection: &mut Connection<S>, sessions: &C, opening: Opening) -> Result<Opened<C::Session>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Sessions,
{
    if opening.negotiate {
        connection.output.negotiate_protocol_version(startup::VERSION, &opening.unknown_options);
    }
    let admission = connection.shared.admit()?;
    let mut backend = sessions.open_session(opening.startup)?;
    let output = &mut connection.output;
    output.authentication_ok();
    for (name, value) in backend.parameter_statuses() {
        output.parameter_status(&name, &value);
    }
    backend.take_parameter_changes(); // they were all just told
    output.backend_key_data(backend.process_id(), backend.secret());
    backend.take_notices().iter().for_each(|notice| output.notice(notice));
    output.ready_for_query(backend.transaction_status());
    Ok(Opened { backend, admission })
}
