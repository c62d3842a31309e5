//! Processor time of this process, by the names of its threads (Linux: `/proc/self/task`).
//!
//! A party that runs on a runtime of its own, with a thread name of its own, is told apart from
//! those who load it.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// What all living threads whose name begins with `name` have used.
pub fn used_by(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| of_thread(&task.path(), name)).sum()
}

/// `None` for another's thread, and for one that ended meanwhile.
fn of_thread(task: &Path, name: &str) -> Option<Duration> {
    let own = fs::read_to_string(task.join("comm")).ok()?;
    if !own.starts_with(name) {
        return None;
    }
    // Nanoseconds on a processor, waiting for one, and turns.
    let stat = fs::read_to_string(task.join("schedstat")).ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_work_is_found_under_its_name_and_no_other() {
        let thread = std::thread::Builder::new().name("bench-spin".to_owned());
        let spin = || {
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_millis(200) {
                std::hint::spin_loop();
            }
            (used_by("bench-spin"), used_by("bench-idle"))
        };
        let (spun, idle) = thread.spawn(spin).unwrap().join().unwrap();
        assert!(spun > Duration::ZERO && idle == Duration::ZERO, "{spun:?}, {idle:?}");
    }
}
