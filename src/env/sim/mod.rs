//! The simulated inhabitant: any number of nodes and cores in one thread, from a seed.
//!
//! What it is: a scheduler that picks among the ready tasks by a seeded stream, a clock that jumps to the next timer
//! when nothing is ready, and a disk per node whose unsynced writes may be torn, lost and reordered when the node
//! crashes. All cores of all nodes run interleaved; queues between them work as they do on threads.
//!
//! What it does not do: it does not simulate time spent computing, memory limits, or sockets beyond loopback streams.
//!
//! Invariants: everything that happens follows from the seed (see [`Simulation::schedule_hash`]); each concern draws
//! from its own stream, so a checker or a fault switched on moves nothing else; a halted node runs no task, starts
//! no operation and completes none.
//!
//! Start reading at [`Simulation`], then `disk.rs` for what a crash keeps.

mod disk;
mod file;
mod net;
mod random;
mod scheduler;
#[cfg(test)]
mod tests;

pub use disk::{Disk, Faults};
pub use file::File;
pub use net::{Listener, Stream};
pub use random::Random;
pub use scheduler::{Sleep, Task};

use super::Env;
use scheduler::Scheduler;
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    rc::Rc,
    time::Duration,
};

/// Wall clock at the start of every simulation: the first second of 2025.
const WALL_START_MICROS: i64 = 1_735_689_600_000_000;

/// A world of simulated nodes. Clones share it.
#[derive(Clone)]
pub struct Simulation(Rc<World>);

struct World {
    scheduler: Scheduler,
    /// For tearing, losing, failing and timing disk operations.
    disk_random: RefCell<Random>,
    /// For what the code under test asks for.
    workload_random: RefCell<Random>,
    network: net::Network,
    next_node: Cell<u32>,
}

impl Simulation {
    /// An empty world.
    pub fn new(seed: u64) -> Simulation {
        Simulation(Rc::new(World {
            scheduler: Scheduler::new(Random::new(seed, 1)),
            disk_random: RefCell::new(Random::new(seed, 2)),
            workload_random: RefCell::new(Random::new(seed, 3)),
            network: net::Network::default(),
            next_node: Cell::new(0),
        }))
    }

    /// A node with a disk: a new one, or what [`Node::crash`] left.
    pub fn node(&self, disk: Disk) -> Node {
        let number = self.0.next_node.get();
        self.0.next_node.set(number + 1);
        Node {
            world: self.0.clone(),
            state: Rc::new(NodeState { number, disk, halted: Cell::new(false), reason: RefCell::new(None) }),
        }
    }

    /// Runs until nothing is ready and no timer is set, or for so many steps. True when it came to rest.
    pub fn run(&self, steps_max: u64) -> bool {
        self.0.scheduler.run(steps_max, || false)
    }

    /// Runs a future on a core until it ends, for at most so many steps. `None` when it did not end: its node halted,
    /// or nothing could go on.
    pub fn block_on<T: 'static>(
        &self,
        env: &Env,
        steps_max: u64,
        future: impl Future<Output = T> + 'static,
    ) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let ours = result.clone();
        env.spawn(super::TaskClass::Query, async move {
            *ours.borrow_mut() = Some(future.await);
        })
        .detach();
        let watched = result.clone();
        self.0.scheduler.run(steps_max, move || watched.borrow().is_some());
        result.take()
    }

    /// Virtual time since the start.
    pub fn now(&self) -> Duration {
        self.0.scheduler.now()
    }

    /// Task steps so far.
    pub fn steps(&self) -> u64 {
        self.0.scheduler.steps()
    }

    /// A digest of which task ran when and what the disks did: equal seeds give equal digests.
    pub fn schedule_hash(&self) -> u64 {
        self.0.scheduler.hash()
    }

    /// A number from the workload's stream, for tests that make up work.
    pub fn random_u64(&self) -> u64 {
        self.0.workload_random.borrow_mut().next()
    }
}

/// One simulated process and its disk.
#[derive(Clone)]
pub struct Node {
    world: Rc<World>,
    state: Rc<NodeState>,
}

struct NodeState {
    number: u32,
    disk: Disk,
    halted: Cell<bool>,
    reason: RefCell<Option<String>>,
}

impl Node {
    /// The view of another core of this node. Call it once per core.
    pub fn env(&self) -> Env {
        Env::Sim(Handle { world: self.world.clone(), node: self.state.clone() })
    }

    /// Its disk, to set faults, flip bits and count operations.
    pub fn disk(&self) -> &Disk {
        &self.state.disk
    }

    /// Whether it stopped: by [`Env::halt`], at the chosen disk operation, or by a crash.
    pub fn is_halted(&self) -> bool {
        self.state.halted.get()
    }

    /// What [`Env::halt`] was told.
    pub fn halt_reason(&self) -> Option<String> {
        self.state.reason.borrow().clone()
    }

    /// Power loss: the node stops and its tasks are gone. Gives what the disk kept: all that was synced and, sector by
    /// sector, some of the rest.
    pub fn crash(&self) -> Disk {
        self.state.halted.set(true);
        let kept = self.state.disk.after_crash(&mut self.world.disk_random.borrow_mut());
        self.world.scheduler.remove_node(self.state.number);
        self.world.network.remove_node(self.state.number);
        kept
    }

    /// The process is killed, the machine lives on: everything the kernel took is kept, unsynced or not.
    pub fn kill(&self) -> Disk {
        self.state.halted.set(true);
        let kept = self.state.disk.after_kill();
        self.world.scheduler.remove_node(self.state.number);
        self.world.network.remove_node(self.state.number);
        kept
    }
}

/// One core of a simulated node.
#[derive(Clone)]
pub struct Handle {
    world: Rc<World>,
    node: Rc<NodeState>,
}

impl Handle {
    pub(super) fn now(&self) -> Duration {
        self.world.scheduler.now()
    }

    pub(super) fn wall_micros(&self) -> i64 {
        WALL_START_MICROS + i64::try_from(self.now().as_micros()).unwrap_or(i64::MAX / 2)
    }

    pub(super) fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.world.scheduler.sleep(duration)
    }

    pub(super) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        self.world.scheduler.spawn(self.node.number, self.node.halted.get(), future)
    }

    /// Yields one time in eight: more would drown the interesting interleavings in noise.
    pub(super) async fn yield_if_needed(&self) {
        if self.world.scheduler.draw(8) == 0 {
            futures_lite::future::yield_now().await;
        }
    }

    pub(super) fn fill_random(&self, bytes: &mut [u8]) {
        self.world.workload_random.borrow_mut().fill(bytes);
    }

    /// Stops the node; nothing of it goes on.
    pub(super) async fn halt(&self, message: &str) -> ! {
        self.stop(message);
        pending::<std::convert::Infallible>().await;
        unreachable!("a future that never ends has ended")
    }

    fn stop(&self, reason: &str) {
        if !self.node.halted.replace(true) {
            *self.node.reason.borrow_mut() = Some(reason.to_owned());
            self.world.scheduler.halt_node(self.node.number);
        }
    }
}
