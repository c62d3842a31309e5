//! What a process holds now (Linux: `/proc/<pid>`): resident memory and open descriptors.

use std::fs;
use std::path::PathBuf;

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

#[cfg(test)]
mod tests {
    use super::*;

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
