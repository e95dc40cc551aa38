//! What a node needs from its machine, checked before anything starts.
//!
//! io_uring, memory that may be locked, file descriptors, and a file system with direct I/O. What is missing is told as a
//! [`Problem`]: what, why it is needed, and the command that mends it. Soft limits are raised to the hard ones on the
//! way, which is all a process may do by itself.

use super::{Buffer, cpu};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

/// Locked memory without which the runtime refuses to start.
const LOCKED_BYTES_MIN: u64 = 512 << 10;
/// Descriptors for tables, log segments, rings and some connections.
const DESCRIPTORS_MIN: u64 = 1024;
/// The size of the kernel's `struct io_uring_params`.
const RING_PARAMETERS_BYTES: usize = 120;

/// Something the node cannot run without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is missing.
    pub what: String,
    /// Why it is needed, or what stands in the way.
    pub why: String,
    /// The command or setting that mends it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why: {}\n  fix: {}", self.what, self.why, self.fix)
    }
}

/// Checks everything, and tells all problems at once.
pub fn check(data_dir: &Path) -> Result<(), Vec<Problem>> {
    let found = [io_uring(), locked_memory(), descriptors(), processors(), direct_io(data_dir)];
    let problems: Vec<Problem> = found.into_iter().flatten().collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn problem(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Option<Problem> {
    Some(Problem { what: what.into(), why: why.into(), fix: fix.into() })
}

fn io_uring() -> Option<Problem> {
    let mut parameters = [0u64; RING_PARAMETERS_BYTES / 8];
    // SAFETY: the pointer is to writable memory of the size of `struct io_uring_params`, all zero as the call asks.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4u32, parameters.as_mut_ptr()) };
    if result >= 0 {
        // SAFETY: the descriptor was just opened and nothing else knows it.
        unsafe { libc::close(result as i32) };
        return None;
    }
    io_uring_problem(
        &io::Error::last_os_error(),
        fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default().trim(),
        &fs::read_to_string("/proc/self/status").unwrap_or_default(),
    )
}

/// Tells the reasons apart by what the kernel says about itself.
fn io_uring_problem(error: &io::Error, disabled: &str, status: &str) -> Option<Problem> {
    let what = format!("io_uring is not available: {error}");
    let filtered = status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"]));
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) if !matches!(disabled, "" | "0") => problem(
            what,
            format!("the kernel setting kernel.io_uring_disabled is {disabled}"),
            "sudo sysctl -w kernel.io_uring_disabled=0",
        ),
        Some(libc::EPERM | libc::EACCES) if filtered => problem(
            what,
            "a seccomp filter forbids it, as the default profiles of Docker and Kubernetes do",
            "docker run --security-opt seccomp=unconfined ... (or a profile that allows io_uring_setup, io_uring_enter \
             and io_uring_register)",
        ),
        Some(libc::ENOSYS) => problem(
            what,
            "this kernel has no io_uring (older than 5.8, built without it, or a sandbox such as gVisor)",
            "uname -r   # then run on Linux 5.8 or newer, outside such a sandbox",
        ),
        Some(libc::ENOMEM) => problem(
            what,
            "the limit of locked memory is used up",
            "ulimit -l unlimited   # docker: --ulimit memlock=-1, systemd: LimitMEMLOCK=infinity",
        ),
        _ => problem(what, "all files and sockets go through it", "uname -r   # Linux 5.8 or newer is needed"),
    }
}

/// The soft limit after raising it to the hard one.
fn raised_limit(resource: libc::__rlimit_resource_t) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit that the call fills.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        // SAFETY: the pointer is to a live rlimit that the call reads.
        if unsafe { libc::setrlimit(resource, &raw const raised) } == 0 {
            return Ok(raised.rlim_cur);
        }
    }
    Ok(limit.rlim_cur)
}

fn locked_memory() -> Option<Problem> {
    match raised_limit(libc::RLIMIT_MEMLOCK) {
        Ok(bytes) if bytes >= LOCKED_BYTES_MIN => None,
        Ok(bytes) => problem(
            format!("only {} KiB of memory may be locked", bytes >> 10),
            format!("each core's rings need {} KiB", LOCKED_BYTES_MIN >> 10),
            "ulimit -l unlimited   # docker: --ulimit memlock=-1, systemd: LimitMEMLOCK=infinity",
        ),
        Err(error) => {
            problem(format!("cannot read the limit of locked memory: {error}"), "it must be known", "ulimit -l")
        }
    }
}

/// Files and sockets that this process may have open.
pub fn open_files_max() -> u64 {
    raised_limit(libc::RLIMIT_NOFILE).unwrap_or(DESCRIPTORS_MIN)
}

fn descriptors() -> Option<Problem> {
    match raised_limit(libc::RLIMIT_NOFILE) {
        Ok(count) if count >= DESCRIPTORS_MIN => None,
        Ok(count) => problem(
            format!("only {count} files may be open"),
            format!("tables, log segments and connections need at least {DESCRIPTORS_MIN}"),
            "ulimit -n 65536   # docker: --ulimit nofile=65536, systemd: LimitNOFILE=65536",
        ),
        Err(error) => problem(format!("cannot read the limit of open files: {error}"), "it must be known", "ulimit -n"),
    }
}

fn processors() -> Option<Problem> {
    match cpu::available() {
        Ok(cpus) if !cpus.is_empty() => None,
        Ok(_) => problem("there is no processor to run on", "each shard is pinned to one", "taskset -cp $$"),
        Err(error) => {
            problem(format!("cannot list the processors: {error}"), "each shard is pinned to one", "taskset -cp $$")
        }
    }
}

fn direct_io(data_dir: &Path) -> Option<Problem> {
    let folder = data_dir.display();
    if let Err(error) = fs::create_dir_all(data_dir) {
        return problem(
            format!("cannot create the data folder {folder}: {error}"),
            "the node keeps its data there",
            format!("sudo install -d -o $USER {folder}"),
        );
    }
    let probe = data_dir.join(format!(".probe-{}", std::process::id()));
    let result = write_directly(&probe);
    // Nothing depends on its removal; the listing of a folder leaves it out.
    let _ = fs::remove_file(&probe);
    let error = result.err()?;
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP) => problem(
            format!("the file system of {folder} has no direct I/O: {error}"),
            "the log and the tables are written past the page cache (O_DIRECT)",
            format!("df -T {folder}   # then choose a folder on ext4, xfs or btrfs: --data-dir /path/to/folder"),
        ),
        Some(libc::ENOSPC | libc::EDQUOT) => problem(
            format!("no space is left in {folder}: {error}"),
            "the node cannot write its log",
            format!("df -h {folder}   # then free some space, or choose another --data-dir"),
        ),
        _ => problem(
            format!("cannot write to {folder}: {error}"),
            "the node keeps its data there",
            format!("sudo chown -R $USER {folder}"),
        ),
    }
}

fn write_directly(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).custom_flags(libc::O_DIRECT);
    let file = options.open(path)?;
    let mut block = Buffer::padded(&[1]);
    file.write_all_at(&block, 0)?;
    file.sync_data()?;
    file.read_exact_at(&mut block, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_passes_and_leaves_nothing_behind() {
        let folder = super::super::tests::scratch();
        let dir = folder.path().join("a/b");
        assert_eq!(check(&dir), Ok(()));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_a_command() {
        let problems = check(Path::new("/proc/nothing/here")).unwrap_err();
        assert_eq!(problems.len(), 1);
        let text = problems[0].to_string();
        assert!(text.contains("/proc/nothing/here") && text.contains("fix: sudo install"), "{text}");
    }

    #[test]
    fn reasons_against_io_uring_are_told_apart() {
        let told = |code, disabled, status: &str| {
            io_uring_problem(&io::Error::from_raw_os_error(code), disabled, status).unwrap().fix
        };
        assert!(told(libc::EPERM, "2", "").contains("sysctl"));
        assert!(told(libc::EPERM, "0", "Seccomp:\t2\n").contains("seccomp=unconfined"));
        assert!(told(libc::ENOSYS, "", "").contains("5.8"));
        assert!(told(libc::ENOMEM, "", "").contains("ulimit -l"));
        assert!(told(libc::EFAULT, "", "").contains("uname"));
    }
}
