//! A recount by a stranger (proto/gossip.md#counting): from the log and its policy alone,
//! with no running monitor.

use crate::config::Config;
use crate::count::Counts;
use crate::error::Error;
use crate::evidence::Alarms;
use escrow::record::Seconds;
use log_client::FollowError;
use std::path::Path;
use tlog::policy::Policy;
use tlog::reader::VerifiedEntry;
use tlog::stamp::Followed;

/// What a recount found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Leaves that were counted.
    pub size: u64,
    /// When the quorum had cosigned that head, Unix seconds.
    pub cosigned_at: u64,
    /// The count.
    pub counts: Counts,
    /// Whether the number that was given is the number of completed emergencies; `None` if none was
    /// given.
    pub agrees: Option<bool>,
    /// The alarms that stand in the configured data folder, if there is one; bad stamps; keys of days
    /// that should be gone.
    pub alarms: Vec<String>,
}

/// Recounts from the first entry, from the log alone, and compares with a number of completed
/// emergencies that somebody published. Reads no kept state but the alarms.
pub async fn check(config: &Config, expected: Option<u64>) -> Result<Report, Error> {
    let log = config.open_log()?;
    let mut counts = Counts::new(log.policy());
    let read = async {
        let head = log.policy().verify_checkpoint(&log.unverified_checkpoint().await?)?;
        let take = &mut |entry: VerifiedEntry| counts.add(entry.bytes());
        let reading = log.follow(&Followed::default(), &head, take).await?;
        Ok::<_, FollowError>((head, reading.faults))
    };
    let (head, faults) = read.await?;
    let mut alarms = read_standing(&config.data.join("alarms"), log.policy())?;
    alarms.extend(faults.iter().map(|fault| format!("stamp {} at {}", fault.kind().word(), fault.index())));
    let wrong = counts.wrong_keys(Seconds(head.cosigned_at()));
    for (word, of) in [("day-key-overdue", wrong.overdue), ("day-key-uncounted", wrong.uncounted)] {
        for (trustee, days) in of {
            alarms.extend(days.iter().map(|day| format!("{word} {trustee} {day}")));
        }
    }
    let agrees = expected.map(|expected| expected == counts.emergencies().completed);
    Ok(Report { size: head.checkpoint().size(), cosigned_at: head.cosigned_at(), counts, agrees, alarms })
}

/// The alarms in the folder of a monitor; none where there is no such folder.
fn read_standing(folder: &Path, policy: &Policy) -> Result<Vec<String>, Error> {
    if folder.is_dir() { Ok(Alarms::open(folder, policy)?.names()) } else { Ok(Vec::new()) }
}
