//! COPY FROM STDIN and COPY TO STDOUT: the stream is theirs until they end.
//!
//! What the bytes mean is the session's business; here they are only moved. Small messages that are already buffered
//! are joined, so that a client that sends a row per message does not cost a call per row.

use super::{
    backend::{Backend, CopyFormat, Fetch, Watcher},
    connection::Failure,
    message::{self, tag, violation},
    session::{Done, Session},
};
use crate::error::Error;
use futures_lite::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin, B: Backend> Session<'_, S, B> {
    /// Takes rows until the client says that it is done or gives up.
    pub(super) async fn copy_in(&mut self, format: CopyFormat, columns: usize) -> Result<Done, Failure> {
        self.connection.output.copy_response(true, format, columns);
        loop {
            let stopped = async { Failure::from(self.watcher.stopped().await) };
            let frame = self.connection.next_frame(false, stopped).await?;
            match frame.tag {
                tag::COPY_DATA => {
                    let frame = self.connection.input.join(frame).map_err(Failure::Fatal)?;
                    self.backend.copy_data(self.connection.input.body(&frame)).await?;
                    self.put_notices();
                }
                tag::COPY_DONE => {
                    message::nothing(self.connection.input.body(&frame))?;
                    let tag = self.connection.attend(&self.watcher, self.backend.copy_done()).await??;
                    self.put_notices();
                    return Ok(Done::Command(tag));
                }
                tag::COPY_FAIL => {
                    let reason = message::copy_fail(self.connection.input.body(&frame))?;
                    return Err(self.backend.copy_fail(reason).await.into());
                }
                // Sent before the client knew that its statement was a COPY.
                tag::FLUSH | tag::SYNC => {}
                tag::TERMINATE => return Err(Failure::Gone),
                tag => {
                    let reason = format!("unexpected message type 0x{tag:02X} during COPY from stdin");
                    self.backend.copy_fail(&reason).await;
                    return Err(violation(reason).into());
                }
            }
        }
    }

    /// Gives rows, one message each, which is how clients tell them apart.
    pub(super) async fn copy_out(&mut self, format: CopyFormat, columns: usize) -> Result<Done, Failure> {
        self.connection.output.copy_response(false, format, columns);
        loop {
            let fetched = self.connection.attend(&self.watcher, self.backend.fetch(0)).await??;
            self.put_notices();
            match fetched {
                Fetch::CopyData(rows) => {
                    let mut start = 0;
                    for end in rows.ends {
                        self.connection.output.copy_data(&rows.bytes[start..end])?;
                        start = end;
                        if self.connection.output.is_full() {
                            self.connection.flush().await?;
                        }
                    }
                }
                Fetch::Complete(tag) => {
                    self.connection.output.copy_done();
                    return Ok(Done::Command(tag));
                }
                Fetch::Batch(_) | Fetch::Suspended => {
                    return Err(Error::internal("rows where copy data was announced").into());
                }
            }
        }
    }
}
