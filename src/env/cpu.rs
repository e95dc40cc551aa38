//! The processors this process may use, and pinning to one.

use std::io;

/// CPU numbers this process may run on, ascending: what `taskset`, cgroups and containers left to it.
pub fn available() -> io::Result<Vec<usize>> {
    // SAFETY: an all-zero cpu_set_t is a valid empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer and size describe the set above, which the kernel fills. Covered by `lists_and_pins`.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: CPU_ISSET reads a bit of a set of CPU_SETSIZE bits, and the numbers stay below that.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

/// Pins the calling thread.
pub(super) fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no CPU {cpu}")));
    }
    // SAFETY: an all-zero cpu_set_t is a valid empty set; CPU_SET sets a bit below CPU_SETSIZE (checked above); the
    // kernel only reads the set. Covered by `lists_and_pins`.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_pins() {
        let all = super::available().unwrap();
        assert!(!all.is_empty());
        std::thread::spawn(move || {
            super::pin(all[0]).unwrap();
            assert_eq!(super::available().unwrap(), [all[0]]);
            assert!(super::pin(1 << 20).is_err());
        })
        .join()
        .unwrap();
    }
}
