//! Row 7: a node: one shard per core, the doors on every core, and the order in which they start and stop.
//!
//! It owns threads and folders and nothing of the data. Starting: the data folder is locked and its identity checked; every
//! core opens its shard (which replays its log); the first core reads the catalog, or writes the first one, and hands it
//! to all; only then do the doors open. Stopping is the reverse: the doors close, statements end with 57P01, memtables
//! stay in the log.
//!
//! Start with [`Node::start`]; `serve.rs` is what one core does from its start to its end.
//!
//! ```
//! use distdb::{config::NodeConfig, node::Node};
//!
//! # let folder = std::env::temp_dir().join(format!("distdb-example-{}", std::process::id()));
//! // A node in this process: everything in one folder, no ports.
//! let node = Node::start(NodeConfig { cores: 1, ..NodeConfig::embedded(&folder) })?;
//!
//! // SQL without a socket.
//! let mut client = node.client()?;
//! client.execute("CREATE TABLE users (id INT PRIMARY KEY, name STRING)")?;
//! client.execute("INSERT INTO users VALUES (1, 'Ann')")?;
//! assert_eq!(client.query("SELECT name FROM users WHERE id = 1")?.len(), 1);
//!
//! // Keys and values on the core that owns them: no hop, no copy, no serialisation.
//! let owner = node.owner_of(b"greeting");
//! let length = node.run_on(owner, |coordinator| async move {
//!     let shard = coordinator.shard();
//!     shard.local_put(b"greeting", b"hello").await?;
//!     shard.local_get_with(b"greeting", |value| value.len()).await
//! })??;
//! assert_eq!(length, Some(5));
//!
//! drop(client);
//! node.stop()?;
//! # std::fs::remove_dir_all(&folder).ok();
//! # Ok::<(), distdb::Error>(())
//! ```

mod call;
mod client;
mod folder;
mod metrics;
mod serve;

pub use client::{Client, Rows};

use crate::{
    base::{ids::ShardId, key::partition_of, sqlstate::SqlState},
    catalog::KEY_VALUE_KEYSPACE,
    config::NodeConfig,
    coordinator::Coordinator,
    env::{
        self,
        glommio::ShardThread,
        lock::FolderLock,
        queue::{self, Sender},
    },
    error::{Error, Result},
    observe::metrics::Registry,
    shard,
    txn::Sequencer,
};
use call::Command;
use std::{
    future::Future,
    sync::{Arc, mpsc},
};

/// Commands that may wait for one core.
const COMMANDS_MAX: usize = 1024;

/// A running node.
pub struct Node {
    config: NodeConfig,
    commands: Vec<Sender<Command>>,
    threads: Vec<ShardThread<Result<()>>>,
    /// The shard of each partition of the key-value namespace.
    key_value_owners: Vec<ShardId>,
    _lock: FolderLock,
}

/// What a core tells while it starts.
enum Report {
    Serving,
    Failed(Error),
}

impl Node {
    /// Starts a node; returns when it serves statements, or says why it cannot.
    pub fn start(config: NodeConfig) -> Result<Node> {
        probe(&config)?;
        let (lock, shards) = folder::open(&config)?;
        let config = NodeConfig { cores: usize::from(shards), ..config };
        serve::check_ports(&config)?;
        let cpus = env::cpu::available().map_err(|error| Error::io("cannot read the list of CPUs", error))?;
        let registry = Registry::new();
        let sequencer = Arc::new(Sequencer::new(shards));
        let mailboxes = shard::connect(shards);
        let (commands, receivers): (Vec<_>, Vec<_>) =
            (0..shards).map(|_| queue::bounded::<Command>(COMMANDS_MAX)).unzip();
        let (reports, reported) = mpsc::channel();
        let mut node = Node { config, commands, threads: Vec::new(), key_value_owners: Vec::new(), _lock: lock };
        for ((number, mailbox), receiver) in (0..shards).zip(mailboxes).zip(receivers) {
            let start = serve::Start {
                id: ShardId(number),
                config: node.config.clone(),
                sequencer: sequencer.clone(),
                registry: registry.clone(),
                mailbox,
                commands: node.commands.clone(),
                receiver,
                reports: reports.clone(),
            };
            let cpu = cpus[usize::from(number) % cpus.len()];
            node.spawn(cpu, start)?;
        }
        drop(reports);
        node.await_serving(&reported)?;
        let catalog = node.run_on(ShardId(0), |coordinator| async move { coordinator.shard().catalog() })?;
        let keyspace = catalog.keyspace(KEY_VALUE_KEYSPACE);
        let missing = || Error::corrupt("the catalog has no key-value namespace");
        node.key_value_owners = keyspace.ok_or_else(missing)?.partitions.clone();
        Ok(node)
    }

    fn spawn(&mut self, cpu: usize, start: serve::Start) -> Result<()> {
        let name = format!("shard-{}", start.id);
        let thread = env::glommio::start_shard(Some(cpu), &name, move |env| serve::run(env, start));
        match thread {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                self.tell_all_to_stop();
                Err(Error::io(format!("cannot start {name}"), error))
            }
        }
    }

    /// Waits until every core serves; if one fails, all stop.
    fn await_serving(&mut self, reported: &mpsc::Receiver<Report>) -> Result<()> {
        let mut serving = 0;
        while serving < self.threads.len() {
            match reported.recv() {
                Ok(Report::Serving) => serving += 1,
                Ok(Report::Failed(error)) => {
                    self.tell_all_to_stop();
                    return Err(error);
                }
                Err(_) => {
                    self.tell_all_to_stop();
                    return Err(Error::internal("a core ended while it was starting; the log says why"));
                }
            }
        }
        Ok(())
    }

    /// Number of shards.
    pub fn shards(&self) -> u16 {
        self.commands.len() as u16
    }

    /// The shard that owns a key of the key-value namespace: the one to give to [`Node::run_on`].
    pub fn owner_of(&self, key: &[u8]) -> ShardId {
        let partition = partition_of(key, self.key_value_owners.len() as u16);
        self.key_value_owners[usize::from(partition.0)]
    }

    /// The settings it runs with.
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// A client in this process: SQL without a socket. Clients may be made and used on any thread.
    pub fn client(&self) -> Result<Client> {
        // Sessions spread over the cores.
        let core = call::next_core(self.commands.len());
        Client::open(self.commands[core].clone(), "distdb")
    }

    /// Runs a closure on a shard's core and waits for its result. Inside, `Coordinator::shard` gives shard-local reads and
    /// writes without a hop.
    pub fn run_on<T, F>(&self, shard: ShardId, body: impl FnOnce(Coordinator) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let commands = self.commands.get(usize::from(shard.0)).ok_or_else(|| {
            let message = format!("there is no shard {shard}; this node has {}", self.commands.len());
            Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
        })?;
        call::run_blocking(commands, body)
    }

    /// Stops in good order and waits for the end.
    pub fn stop(mut self) -> Result<()> {
        self.tell_all_to_stop();
        self.join()
    }

    /// Waits until the node ends by itself or by a signal.
    pub fn join(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for thread in std::mem::take(&mut self.threads) {
            let ended = thread.join().map_err(|error| Error::io("a core ended badly", error)).and_then(|ended| ended);
            if outcome.is_ok() {
                outcome = ended;
            }
        }
        outcome
    }

    fn tell_all_to_stop(&self) {
        for commands in &self.commands {
            // A core that is gone needs no telling; a full queue is drained by a core that lives.
            let _ = commands.try_send(Command::Stop);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tell_all_to_stop();
        if let Err(error) = self.join() {
            tracing::error!(%error, "the node did not stop in good order");
        }
    }
}

/// Runs a node until SIGINT or SIGTERM.
pub fn run(config: NodeConfig) -> Result<()> {
    env::shutdown::install().map_err(|error| Error::io("cannot wait for signals", error))?;
    let mut node = Node::start(config)?;
    tracing::warn!("no credentials are set up: every user name is taken as superuser, and only loopback is served");
    tracing::info!(shards = node.shards(), "serving: psql -h {} -p {} distdb", node.config.host, node.config.pg_port);
    node.join()
}

/// Checks what the machine must offer, and says how to mend what is missing.
fn probe(config: &NodeConfig) -> Result<()> {
    let Err(problems) = env::probe::check(&config.data_dir) else { return Ok(()) };
    let told = problems.iter().map(ToString::to_string);
    let error = Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "this machine cannot run a node yet");
    Err(error.with_detail(told.collect::<Vec<_>>().join("\n")))
}
