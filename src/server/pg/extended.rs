//! The extended query protocol: Parse, Bind, Describe, Execute, Close, Sync.
//!
//! Results of Execute are written in the formats that Bind asked for, which is all that the door remembers of a portal.

use super::{
    backend::{Backend, Description},
    connection::Failure,
    input::Frame,
    message::{self, Format, Target, tag},
    session::{Done, Session},
    values::{self, ResultFormats},
};
use futures_lite::{AsyncRead, AsyncWrite};

const TEXT: ResultFormats = ResultFormats::All(Format::Text);

impl<S: AsyncRead + AsyncWrite + Unpin, B: Backend> Session<'_, S, B> {
    pub(super) fn parse(&mut self, frame: &Frame) -> Result<(), Failure> {
        let parse = message::parse(self.connection.input.body(frame))?;
        self.backend.prepare(parse.name, parse.text, &parse.parameter_oids.to_vec())?;
        self.put_notices();
        self.connection.output.parse_complete();
        Ok(())
    }

    pub(super) fn bind(&mut self, frame: &Frame) -> Result<(), Failure> {
        let bind = message::bind(self.connection.input.body(frame))?;
        let prepared = self.backend.statement(bind.statement)?;
        let formats = match prepared.fields().len() {
            0 => TEXT, // there is nothing to format, so nothing can be wrong with the formats
            columns => ResultFormats::new(bind.result_formats, columns)?,
        };
        let values = values::parameters(&bind, prepared.parameters(), &self.backend.style())?;
        self.backend.bind(bind.portal, bind.statement, values)?;
        match self.formats.get_mut(bind.portal) {
            Some(known) => *known = formats,
            None if formats == TEXT => {}
            None => _ = self.formats.insert(bind.portal.to_string(), formats),
        }
        self.connection.output.bind_complete();
        Ok(())
    }

    pub(super) fn describe(&mut self, frame: &Frame) -> Result<(), Failure> {
        let output = &mut self.connection.output;
        match message::target(self.connection.input.body(frame), "DESCRIBE")? {
            Target::Statement(name) => {
                let prepared = self.backend.statement(name)?;
                output.parameter_description(prepared.parameters());
                match prepared.fields() {
                    [] => output.no_data(),
                    fields => output.row_description(fields, |_| Format::Text),
                }
            }
            Target::Portal(name) => {
                let fields = self.backend.portal_fields(name)?;
                let formats = self.formats.get(name).unwrap_or(&TEXT);
                match &*fields {
                    [] => output.no_data(),
                    fields => output.row_description(fields, |column| formats.get(column)),
                }
            }
        }
        Ok(())
    }

    pub(super) async fn execute(&mut self, frame: &Frame) -> Result<(), Failure> {
        let sync_follows = self.connection.input.next_tag() == Some(tag::SYNC);
        let message::Execute { portal, rows_max } = message::execute(self.connection.input.body(frame))?;
        let portal = portal.to_string();
        let formats = self.formats.get(&portal).cloned().unwrap_or(TEXT);
        let starting = self.backend.start_portal(&portal, sync_follows);
        let started = self.connection.attend(&self.watcher, starting).await??;
        match self.run(started, false, &formats, rows_max).await? {
            Done::Command(tag) => self.unsaid = Some(tag),
            done => self.tell(done),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, frame: &Frame) -> Result<(), Failure> {
        match message::target(self.connection.input.body(frame), "CLOSE")? {
            Target::Statement(name) => self.backend.close_statement(name),
            Target::Portal(name) => {
                self.backend.close_portal(name);
                self.formats.remove(name);
            }
        }
        self.connection.output.close_complete();
        Ok(())
    }

    /// Sync: the end of a batch and of passing over. The last statement's tag is said when its transaction is safe.
    pub(super) async fn sync(&mut self, frame: &Frame) -> Result<(), Failure> {
        let checked = message::nothing(self.connection.input.body(frame));
        self.skipping = false;
        let ended = match checked {
            Ok(()) => self.end_batch().await,
            Err(error) => Err(error.into()),
        };
        match ended {
            Ok(()) => self.say(),
            Err(Failure::Statement(error)) => self.fail(error).await?,
            Err(failure) => return Err(failure),
        }
        self.ready();
        Ok(())
    }
}
