//! What the machine, or the container this process is in, gives.

use std::{fs, path::Path};

/// Cores and memory that this process may use.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Processors in its affinity mask and quota.
    pub cores: usize,
    /// Memory of the machine, or the limit of the control group when that is less.
    pub memory_bytes: u64,
}

/// What is assumed where the kernel does not say.
const MEMORY_UNKNOWN_BYTES: u64 = 1 << 30;

impl Machine {
    /// Asks the kernel.
    pub fn read() -> Machine {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let physical = physical_memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let limit = limits.iter().filter_map(|path| limit(Path::new(path))).min();
        Machine { cores, memory_bytes: physical.unwrap_or(MEMORY_UNKNOWN_BYTES).min(limit.unwrap_or(u64::MAX)) }
    }
}

fn physical_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The limit of a control group; None when there is none ("max", or no such file).
fn limit(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read() {
        assert_eq!(physical_memory("MemFree: 1 kB\n"), None);
        assert_eq!(physical_memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert!(Machine::read().cores >= 1 && Machine::read().memory_bytes > 1 << 20);
    }
}
