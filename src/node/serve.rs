//! What one core does, from its start to its end.

use super::{Report, call::Command, metrics};
use crate::{
    base::{ids::ShardId, sqlstate::SqlState},
    catalog::Catalog,
    config::NodeConfig,
    coordinator::{Coordinator, Metrics},
    env::{
        Env, TaskClass,
        queue::{Receiver, Sender},
    },
    error::{Error, Result},
    observe::metrics::Registry,
    server::{http, pg},
    shard::{self, Mailbox, Request, Shard},
    storage::{log, lsm},
    txn::{self, Sequencer},
};
use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, mpsc},
    time::Duration,
};

/// How long running statements may go on after the node was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What a core is started with.
pub struct Start {
    pub id: ShardId,
    pub config: NodeConfig,
    pub sequencer: Arc<Sequencer>,
    pub registry: Registry,
    pub mailbox: Mailbox,
    /// Of all cores, by number.
    pub commands: Vec<Sender<Command>>,
    pub receiver: Receiver<Command>,
    pub reports: mpsc::Sender<Report>,
}

/// The life of a core. What goes wrong while starting is reported, later failures are the result.
pub async fn run(env: Env, start: Start) -> Result<()> {
    let Start { id, config, sequencer, registry, mailbox, commands, receiver, reports } = start;
    let options = shard_options(&config, id, sequencer, mailbox);
    let shard = match Shard::open(env.clone(), options).await {
        Ok(shard) => shard,
        Err(error) => return report_failure(&reports, error),
    };
    let coordinator = Coordinator::new(shard.clone(), Metrics::new(&registry.shard(id.0)));
    let mut core = Core { env, config, shard, coordinator, registry, receiver, stopping: Rc::new(Cell::new(false)) };
    if id == ShardId(0)
        && let Err(error) = core.lead_start(&commands).await
    {
        return report_failure(&reports, error);
    }
    match core.await_command().await {
        Some(Command::Serve) => {}
        _ => return core.shard.close().await,
    }
    core.coordinator.keep_figures();
    let doors = match core.open_doors().await {
        Ok(doors) => doors,
        Err(error) => {
            report_failure(&reports, error)?;
            return core.shard.close().await;
        }
    };
    // The starter may have given up meanwhile; then a stop command follows.
    let _ = reports.send(Report::Serving);
    drop(reports);
    core.serve().await;
    core.close(doors).await
}

/// What a shard is made of: its folders, and its part of the node's memory. Of that part the tree gets 55 %, buffered
/// writes of open transactions an eighth, and the rest is for statements, connections and the allocator's waste.
fn shard_options(config: &NodeConfig, id: ShardId, sequencer: Arc<Sequencer>, mailbox: Mailbox) -> shard::Options {
    let share = config.memory_bytes as usize / config.cores;
    let folder = format!("shard_{id}");
    let buffers_bytes_max = share / 8;
    let lsm = lsm::Options::new(config.data_dir.join(&folder), share / 20 * 11);
    let transactions = txn::Options {
        buffer_bytes_max: txn::Options::default().buffer_bytes_max.min(buffers_bytes_max / 4),
        buffers_bytes_max,
        // While one is filled another is written out, in a memtable's place.
        load_bytes_max: lsm.memtable_bytes.min(buffers_bytes_max),
        ..txn::Options::default()
    };
    shard::Options {
        id,
        mailbox,
        sequencer,
        log: log::Options::new(config.wal_dir.join(&folder)),
        lsm,
        transactions,
        catalog: Arc::new(Catalog::default()),
    }
}

fn report_failure(reports: &mpsc::Sender<Report>, error: Error) -> Result<()> {
    let _ = reports.send(Report::Failed(error));
    Ok(())
}

struct Core {
    env: Env,
    config: NodeConfig,
    shard: Shard,
    coordinator: Coordinator,
    registry: Registry,
    receiver: Receiver<Command>,
    stopping: Rc<Cell<bool>>,
}

/// A port of 0 leaves a door shut: a node inside another program needs none.
struct Doors {
    pg: Option<pg::Server>,
    /// On the first core only.
    http: Option<http::Server>,
}

impl Core {
    /// The first core's part of the start: when every shard has recovered, the catalog goes to all, and then they serve.
    async fn lead_start(&self, commands: &[Sender<Command>]) -> Result<()> {
        let shards = || (0..self.shard.count()).map(ShardId);
        for shard in shards() {
            self.shard.call(shard, Request::Recovered).await?;
        }
        let catalog = match self.shard.load_catalog().await? {
            Some(catalog) => catalog,
            None => {
                let catalog = Catalog::bootstrap(self.shard.count());
                self.shard.store_catalog(&catalog).await?;
                catalog
            }
        };
        let catalog = Arc::new(catalog);
        for shard in shards() {
            self.shard.call(shard, Request::InstallCatalog(catalog.clone())).await?;
        }
        for core in commands {
            // A core that failed has reported it; its queue is closed.
            let _ = core.send(Command::Serve).await;
        }
        Ok(())
    }

    async fn await_command(&mut self) -> Option<Command> {
        let mut commands = Vec::new();
        self.receiver.recv_many(&mut commands).await.then(|| commands.swap_remove(0))
    }

    async fn open_doors(&self) -> Result<Doors> {
        let first = self.shard.id() == ShardId(0);
        let pg = if self.config.pg_port == 0 { None } else { Some(self.open_pg().await?) };
        let http = if self.config.http_port == 0 || !first { None } else { Some(self.open_http().await?) };
        Ok(Doors { pg, http })
    }

    async fn open_pg(&self) -> Result<pg::Server> {
        let address = SocketAddr::new(self.config.host, self.config.pg_port);
        let message_bytes_max = self.config.memory_bytes as usize / self.config.cores / 8;
        let defaults = pg::Options::at(address);
        // Half of the descriptors are for files; a few connections beyond the sessions are told that there are too many.
        let descriptors = crate::env::probe::open_files_max() as usize / 2 / self.config.cores;
        let connections_max = defaults.connections_max.min(descriptors);
        let sessions_max = defaults.sessions_max.min(connections_max - connections_max / 8);
        let options = pg::Options { message_bytes_max, sessions_max, connections_max, ..defaults };
        pg::Server::open(&self.env, self.coordinator.clone(), options).await
    }

    async fn open_http(&self) -> Result<http::Server> {
        let address = SocketAddr::new(self.config.host, self.config.http_port);
        let answers = metrics::answers(self.shard.clone(), self.registry.clone(), self.stopping.clone(), &self.config);
        http::Server::open(&self.env, answers, http::Options::at(address)).await
    }

    /// Runs commands until the node is told to stop.
    async fn serve(&mut self) {
        let mut commands = Vec::new();
        loop {
            let stop = self.env.clone();
            let more = futures_lite::future::or(self.receiver.recv_many(&mut commands), async move {
                stop.shutdown_requested().await;
                false
            });
            if !more.await {
                return;
            }
            for command in commands.drain(..) {
                match command {
                    Command::Run(work) => {
                        let future = work(self.coordinator.clone());
                        self.env.spawn(TaskClass::Query, future).detach();
                    }
                    Command::Serve => {}
                    Command::Stop => return,
                }
            }
        }
    }

    /// The reverse of the start.
    async fn close(self, doors: Doors) -> Result<()> {
        self.stopping.set(true);
        if let Some(http) = doors.http {
            http.stop().await;
        }
        self.coordinator.shut_down();
        if let Some(pg) = doors.pg {
            pg.stop(GRACE).await;
        }
        self.shard.close().await
    }
}

/// Says who has a port before any core starts: with SO_REUSEPORT a second process would share it silently.
pub fn check_ports(config: &NodeConfig) -> Result<()> {
    let ports = [("PostgreSQL", "--pg-port", config.pg_port), ("HTTP", "--http-port", config.http_port)];
    for (name, flag, port) in ports.into_iter().filter(|(_, _, port)| *port != 0) {
        let address = SocketAddr::new(config.host, port);
        if let Err(cause) = crate::env::port_is_free(address) {
            let error = Error::io(format!("cannot listen for {name} on {address}"), cause);
            return Err(error.with_hint(format!("Stop what listens there, or choose another port with {flag}.")));
        }
    }
    if config.pg_port == config.http_port && config.pg_port != 0 {
        let message = format!("PostgreSQL and HTTP cannot share port {}", config.pg_port);
        return Err(Error::new(SqlState::CONFIG_FILE_ERROR, message));
    }
    Ok(())
}
