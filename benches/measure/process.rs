//! What a process holds now (Linux: `/proc/<pid>`): resident memory and open descriptors; and what it
//! has used of processors.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Resident memory that is the process's own, kB: without the pages of its program file, which
    /// come and go as the machine pleases.
    pub own_kb: u64,
    pub descriptors: u64,
}

/// `None` of a process that has ended.
pub fn held(pid: u32) -> Option<Held> {
    let of = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(of.join("status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_end_matches("kB").trim().parse().ok()
    };
    let descriptors = fs::read_dir(of.join("fd")).ok()?.count();
    Some(Held { own_kb: field("RssAnon:")?, descriptors: descriptors as u64 })
}

/// Processor time of a process and of its children that have ended and were collected; `None` of one
/// that has ended.
pub fn used(pid: u32) -> Option<Duration> {
    /// Of proc(5)'s hundredths of a second.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind its name, which may hold anything: state is the third field, and the times 14 to 17.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    let ticks = fields.map(str::parse::<u32>).sum::<Result<u32, _>>().ok()?;
    Some(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_process_and_of_children_that_ended_is_seen() {
        let before = used(std::process::id()).unwrap();
        let busy = ["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"];
        assert!(std::process::Command::new("sh").args(busy).status().unwrap().success());
        assert!(used(std::process::id()).unwrap() > before);
        assert_eq!(used(1 << 30), None);
    }

    #[test]
    fn memory_that_was_written_and_files_that_were_opened_are_seen() {
        let before = held(std::process::id()).unwrap();
        let memory = vec![7u8; 64 << 20];
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        let after = held(std::process::id()).unwrap();
        // Other tests of this process take and give back meanwhile.
        assert!(after.own_kb > before.own_kb + (32 << 10), "{before:?}, {after:?}");
        assert!(after.descriptors > before.descriptors + 25, "{before:?}, {after:?}");
        drop((std::hint::black_box(memory), files));
    }

    #[test]
    fn a_process_that_is_not_there_holds_nothing() {
        // Above the largest number that a process can have.
        assert_eq!(held(1 << 30), None);
    }
}
