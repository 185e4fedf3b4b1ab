//! Processor time and memory of processes, read from /proc, and a description of the machine.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use procfs::process::{self, LimitValue, Process, Stat};
use procfs::{CpuInfo, Current, Meminfo};

fn find(pid: u32) -> Result<Process> {
    Process::new(pid.cast_signed()).with_context(|| format!("process {pid} does not exist"))
}

/// Returns the processor seconds that these processes and all their descendants have used.
///
/// # Errors
/// If one of the processes does not exist.
pub fn cpu_s(roots: &[u32]) -> Result<f64> {
    // A process may end between the listing and the reading.
    let all: HashMap<i32, Stat> = process::all_processes()?
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| (stat.pid, stat))
        .collect();
    let roots: Vec<i32> = roots.iter().map(|pid| pid.cast_signed()).collect();
    for root in &roots {
        ensure!(all.contains_key(root), "process {root} does not exist");
    }
    let is_descendant = |mut pid: i32| loop {
        if roots.contains(&pid) {
            return true;
        }
        match all.get(&pid) {
            Some(stat) if stat.ppid != 0 => pid = stat.ppid,
            _ => return false,
        }
    };
    // The time of children that have ended is kept by their parent.
    let own = |stat: &Stat| stat.utime + stat.stime + stat.cutime.cast_unsigned() + stat.cstime.cast_unsigned();
    let ticks: u64 = all.iter().filter(|(pid, _)| is_descendant(**pid)).map(|(_, stat)| own(stat)).sum();
    Ok(ticks as f64 / procfs::ticks_per_second() as f64)
}

/// Returns the processor seconds that this process has used, without its children.
///
/// # Errors
/// If /proc cannot be read.
pub fn own_cpu_s() -> Result<f64> {
    let stat = Process::myself()?.stat()?;
    Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

/// Returns the resident memory of these processes together, in KiB.
///
/// # Errors
/// If one of the processes does not exist.
pub fn rss_kib(pids: &[u32]) -> Result<f64> {
    let mut sum = 0;
    for pid in pids {
        sum += find(*pid)?.status()?.vmrss.with_context(|| format!("process {pid} has no resident memory"))?;
    }
    Ok(sum as f64)
}

/// Checks that this process may open a file for each of `sockets`. The server inherits the same limit.
///
/// # Errors
/// If the limit is too low.
pub fn check_open_files(sockets: usize) -> Result<()> {
    let LimitValue::Value(limit) = Process::myself()?.limits()?.max_open_files.soft_limit else { return Ok(()) };
    let needed = sockets + 500;
    ensure!(
        limit >= needed as u64,
        "{sockets} sockets need {needed} open files, but the limit is {limit}: raise it (`ulimit -n {needed}`, or the \
         hard limit in /etc/security/limits.conf), or use fewer sockets (--clients)"
    );
    Ok(())
}

/// Describes the machine, as pairs of name and value.
///
/// # Errors
/// If /proc cannot be read.
pub fn machine() -> Result<Vec<(String, String)>> {
    let model = CpuInfo::current()?.model_name(0).unwrap_or("unknown").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = Meminfo::current()?.mem_total as f64 / 1024.0 / 1024.0 / 1024.0;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(vec![
        ("processor".to_owned(), format!("{model} ({cores} cores)")),
        ("memory".to_owned(), format!("{memory:.0} GiB")),
        ("kernel".to_owned(), kernel.trim().to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_processor_time_and_memory() {
        let own = std::process::id();
        let (before, mut sum) = (own_cpu_s().expect("own time"), 0_u64);
        while own_cpu_s().expect("own time") - before < 0.05 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_s(&[own]).expect("time of the tree") >= before + 0.05);
        assert!(rss_kib(&[own]).expect("memory") > 500.0);
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        // Above the largest process id of Linux.
        let missing = 1 << 23;
        assert!(cpu_s(&[missing]).is_err() && rss_kib(&[missing]).is_err());
    }

    #[test]
    fn the_limit_on_open_files_is_checked() {
        check_open_files(1).expect("one socket is possible");
        check_open_files(usize::MAX >> 1).expect_err("so many sockets are not possible");
    }
}
