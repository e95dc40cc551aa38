//! One connection from its first byte to its last answer.

use super::{
    backend::Sessions,
    connection::{Connection, Failure, Shared},
    handshake::greet,
    session::Session,
};
use futures_lite::{AsyncRead, AsyncWrite, future::or};
use std::{future::Future, rc::Rc};

/// Greets, serves and says good-bye. `deadline` ends a client that does not log in, and `greeting` is dropped when it
/// did. Gives the connection back, flushed as far as its client lets it, and why it is over.
pub(super) async fn converse<S, C, G>(
    stream: S,
    shared: Rc<Shared>,
    sessions: &C,
    remote: &str,
    deadline: impl Future<Output = ()>,
    greeting: G,
) -> (Connection<S>, Failure)
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Sessions,
{
    let mut connection = Connection::new(stream, shared);
    let late = async {
        deadline.await;
        Err(Failure::Gone)
    };
    let greeted = or(greet(&mut connection, sessions, remote), late).await;
    drop(greeting);
    let failure = match greeted {
        Ok(Some(opened)) => {
            let failure = Session::new(&mut connection, opened.backend).serve().await;
            drop(opened.admission);
            failure
        }
        Ok(None) => Failure::Gone,
        Err(failure) => failure,
    };
    if let Failure::Fatal(error) = &failure {
        connection.output.error("FATAL", error);
    }
    (connection, failure)
}
