//! The engine linked into this process: no socket and no protocol.
//!
//! Rows go through the key-value calls of the core that owns them ([`store`]); facts and the bank, which need tables and
//! transactions, go through the embedded client as SQL ([`statements`]). The node lives in a folder `node` of its own
//! inside the folder given, which is removed when all went well.

mod statements;
mod store;

use crate::{
    operation::{Answer, Failure, Operation},
    workload::{Plan, Tables},
};
use distdb::{
    Error,
    config::NodeConfig,
    error::Effect,
    node::{Client, Node},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use store::Store;

/// A folder with a node of its own.
pub struct Embedded {
    folder: PathBuf,
    running: Mutex<Option<Running>>,
}

#[derive(Clone)]
struct Running {
    node: Arc<Node>,
    store: Store,
}

/// A client of it.
pub enum Session {
    Rows(store::Session),
    Statements(statements::Session),
}

impl Embedded {
    pub fn new(folder: &str) -> Result<Embedded, String> {
        if folder.is_empty() {
            return Err("embedded: needs a folder, as embedded:/tmp/loadtest".into());
        }
        Ok(Embedded { folder: folder.into(), running: Mutex::default() })
    }

    pub fn name(&self) -> String {
        format!("embedded:{}", self.folder.display())
    }

    pub fn version(&self) -> String {
        "distdb, in this process".into()
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.join("node")
    }

    fn running(&self) -> Result<Running, Failure> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.clone().ok_or_else(|| Failure::new("connect", "the node is not running"))
    }

    /// Starts the node and loads it.
    pub async fn set_up(&self, plan: &Arc<Plan>, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        let data_dir = self.data_dir();
        if data_dir.exists() {
            let message =
                format!("{} holds the node of an earlier run; look at it, then remove it", data_dir.display());
            return Err(Failure::new("connect", message));
        }
        let node = blocking(move || Node::start(NodeConfig::embedded(data_dir))).await?;
        let store = Store::open(&node).map_err(failure)?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { node: Arc::new(node), store });
        match self.connect(plan)? {
            Session::Rows(mut session) => session.load(0, plan.workload.loaded_before(plan.rows), loaded).await,
            Session::Statements(mut session) => session.set_up(loaded).await,
        }
    }

    /// Stops the node and removes its folder.
    pub async fn clean_up(&self) -> Result<(), Failure> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let data_dir = self.data_dir();
        tokio::task::spawn_blocking(move || {
            drop(running); // the last handle stops the node
            std::fs::remove_dir_all(&data_dir)
                .map_err(|cause| Failure::new("connect", format!("cannot remove {}: {cause}", data_dir.display())))
        })
        .await
        .map_err(|panic| Failure::new("panic", panic.to_string()))?
    }

    pub fn connect(&self, plan: &Arc<Plan>) -> Result<Session, Failure> {
        let running = self.running()?;
        if plan.workload.tables() == Tables::Rows {
            return Ok(Session::Rows(running.store.session(plan)));
        }
        let client: Client = running.node.client().map_err(failure)?;
        Ok(Session::Statements(statements::Session::new(client, plan)))
    }
}

impl Session {
    pub async fn execute(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match self {
            Session::Rows(session) => session.execute(operation).await,
            Session::Statements(session) => session.execute(operation).await,
        }
    }
}

/// Runs a call that waits, off the threads that drive the clients.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> distdb::Result<T> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result.map_err(failure),
        Err(panic) => Err(Failure::new("panic", panic.to_string()).unknown()),
    }
}

/// What an error of the engine means here.
fn failure(error: Error) -> Failure {
    let detail = error.detail().map(|detail| format!("\n{detail}")).unwrap_or_default();
    let mut failure = Failure::new(error.state().as_str(), format!("{}{detail}", error.message()));
    failure.retry = error.is_retryable();
    match error.effect() {
        Effect::NotDone => failure,
        Effect::Unknown => failure.unknown(),
    }
}
