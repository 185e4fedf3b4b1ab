//! What processes cost, seen from outside, in /proc.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result, ensure};

/// Processor times are counted in these; Linux shows hundredths on every machine.
const TICKS_A_SECOND: f64 = 100.0;

struct Stat {
    parent: u32,
    /// Its own.
    ticks: u64,
    /// Of its children that have ended.
    ended: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat { parent: number(1)? as u32, ticks: number(11)? + number(12)?, ended: number(13)? + number(14)? })
}

/// Processor seconds that these processes and all their descendants have used.
///
/// # Errors
/// One of them is gone.
pub fn cpu_s(roots: &[u32]) -> Result<f64> {
    let all: HashMap<u32, Stat> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect();
    for root in roots {
        ensure!(all.contains_key(root), "process {root} is gone");
    }
    let within = |mut pid: u32| loop {
        if roots.contains(&pid) {
            return true;
        }
        match all.get(&pid) {
            Some(stat) if stat.parent != 0 => pid = stat.parent,
            _ => return false,
        }
    };
    let ticks: u64 = all.iter().filter(|(pid, _)| within(**pid)).map(|(_, stat)| stat.ticks + stat.ended).sum();
    Ok(ticks as f64 / TICKS_A_SECOND)
}

/// Processor seconds that this process itself has used.
///
/// # Errors
/// /proc cannot be read.
pub fn own_cpu_s() -> Result<f64> {
    let stat = stat(std::process::id()).context("/proc cannot be read")?;
    Ok(stat.ticks as f64 / TICKS_A_SECOND)
}

/// Resident memory of these processes together, in KiB.
///
/// # Errors
/// One of them is gone.
pub fn rss_kib(pids: &[u32]) -> Result<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let text =
            fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
        sum += field(&text, "VmRSS:").context("no VmRSS in /proc")?;
    }
    Ok(sum)
}

fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// # Errors
/// Fewer files may be open than `sockets` need, at either end.
pub fn check_open_files(sockets: usize) -> Result<()> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let limit: usize = line.split_whitespace().nth(3).and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
    let needed = sockets + 500;
    ensure!(
        limit >= needed,
        "{sockets} sockets need {needed} open files, and {limit} are allowed: raise the limit (`ulimit -n {needed}`, \
         or the hard limit in /etc/security/limits.conf), or ask for fewer sockets by --clients"
    );
    Ok(())
}

/// The machine, in a line each.
pub fn machine() -> Vec<(String, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("unknown", |m| m.1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default() / 1024.0 / 1024.0;
    vec![
        ("processor".to_owned(), format!("{} ({cores} cores)", model.trim())),
        ("memory".to_owned(), format!("{memory:.0} GiB")),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease").trim().to_owned()),
    ]
}
