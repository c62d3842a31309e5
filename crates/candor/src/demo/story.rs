//! The story, step by step. Each step does the real thing through the parties' own functions, says what came of it, and adds to the report.

use super::frames;
use super::report::{Refused, Report};
use crate::cast::{Cast, CastError};
use crate::cli::{answer_text, audit_text, show_us};
use host::shutdown::Shutdown;
use owner::Span;
use owner::audit::{Row, Since};
use owner::live::Watched;
use requester::collect::Answer;
use requester::folder::RequestFolder;
use requester::open::Tried;
use requester::request::{Ask, Grounds, Kind};
use std::time::Duration;
use tokio::time::Instant;

/// How long the owner watches live.
const LIVE: Duration = Duration::from_secs(8);
/// How long the story waits for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(90);
/// Epochs that the emergency asks for.
const ASKED: u64 = 2;

/// What the story says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A chapter begins.
    Chapter(String),
    /// A sentence of it.
    Says(String),
}

/// Why the story broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoryError {
    #[error(transparent)]
    Cast(#[from] CastError),
    #[error("{step}: {error}")]
    Step { step: &'static str, error: Box<dyn std::error::Error + Send + Sync> },
    #[error("{0} did not happen in time")]
    Never(&'static str),
    #[error("stopped")]
    Stopped,
}

fn at<E: std::error::Error + Send + Sync + 'static>(step: &'static str) -> impl Fn(E) -> StoryError {
    move |error| StoryError::Step { step, error: Box::new(error) }
}

/// Tells the whole story with a cast that has just started.
pub async fn tell(
    cast: &Cast,
    stop: &Shutdown,
    say: &mut (dyn FnMut(Line) + Send),
) -> Result<Report, StoryError> {
    let began = Instant::now();
    tokio::select! {
        told = Story { cast, began, say }.tell() => told,
        () = stop.requested() => Err(StoryError::Stopped),
    }
}

struct Story<'a> {
    cast: &'a Cast,
    began: Instant,
    say: &'a mut (dyn FnMut(Line) + Send),
}

/// The epochs of the story: two to ask for, and the one after them.
struct Chosen {
    from_us: u64,
    to_us: u64,
}

impl Story<'_> {
    async fn tell(mut self) -> Result<Report, StoryError> {
        let live = self.live().await?;
        let chosen = self.chosen().await?;
        self.relay_sees(&chosen).await?;
        let (played, export_plays) = self.clip(&chosen).await?;

        let folder = RequestFolder::at(&self.cast.plan.dir.join("request"));
        let unlogged_refused = self.before_the_log(&chosen, &folder).await?;
        let (leaf_index, witness_cosignatures) = self.logged(&folder).await?;
        let (opened, neighbour, evidence_verified) = self.opened(&folder).await?;
        let audit_found = self.audit(leaf_index).await?;
        let (public_emergency_count, monitors_agree) = self.recount().await?;

        let (segments_sent, segments_acked) = self.drained().await?;
        Ok(Report {
            segments_sent,
            segments_acked,
            segments_played: played.segments,
            live_latency_ms_p50: live.latency_us_p50.map_or(f64::NAN, |us| us as f64 / 1000.0),
            epochs_requested: opened.epochs_requested,
            epochs_opened: opened.epochs_opened,
            unlogged_refused,
            neighbour_epoch_refused: neighbour,
            audit_found,
            public_emergency_count,
            leaf_index,
            witness_cosignatures,
            monitors_agree,
            export_plays,
            evidence_verified,
            folder: self.cast.plan.dir.display().to_string(),
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }

    fn chapter(&mut self, title: &str) {
        (self.say)(Line::Chapter(title.to_owned()));
    }

    fn says(&mut self, text: impl Into<String>) {
        (self.say)(Line::Says(text.into()));
    }

    fn camera_name(&self) -> String {
        self.cast.video.cameras.first().map(|camera| camera.name.clone()).unwrap_or_default()
    }

    /// The owner watches for a while.
    async fn live(&mut self) -> Result<Watched, StoryError> {
        self.chapter("The owner watches live");
        let stop = Shutdown::new();
        let timer = stop.clone();
        let ended = tokio::spawn(async move {
            tokio::time::sleep(LIVE).await;
            timer.request();
        });
        let path = self.cast.plan.dir.join("live.mp4");
        let mut sink = tokio::fs::File::create(&path).await.map_err(at("live"))?;
        let camera = self.camera_name();
        let owner = &self.cast.people.owner;
        let watched =
            owner::live::live(owner, &camera, &mut sink, &stop, &mut |_| {}).await.map_err(at("live"))?;
        ended.abort();
        let latency = watched.latency_us_p50.unwrap_or_default() as f64 / 1000.0;
        self.says(format!(
            "{} fragments in {} s, {latency:.1} ms from the camera's fragment to the owner's screen (median), all opened with the owner's key",
            watched.fragments,
            LIVE.as_secs()
        ));
        Ok(watched)
    }

    /// Waits until there are whole epochs to ask for, and one after them.
    async fn chosen(&mut self) -> Result<Chosen, StoryError> {
        self.chapter("Time passes");
        let length_us = u64::from(self.cast.plan.epoch_seconds) * 1_000_000;
        // Epochs begin at round times; the first whole one after the cameras were paired is the first to ask for.
        let paired = self.cast.video.filming_since_us;
        let from_us = paired.div_ceil(length_us) * length_us;
        let to_us = from_us + ASKED * length_us;
        let enough_us = to_us + length_us;
        self.says(format!(
            "Epochs of {} s, each with a key of its own. Waiting for three whole ones.",
            self.cast.plan.epoch_seconds
        ));
        let wait = enough_us.saturating_sub(host::clock::now_us());
        tokio::time::sleep(Duration::from_micros(wait)).await;
        // The last segment of an epoch may still be on its way.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let cameras = owner::book::status(&self.cast.people.owner).await.map_err(at("cameras"))?;
            if cameras.iter().all(|camera| camera.newest_us >= enough_us) {
                return Ok(Chosen { from_us, to_us });
            }
            if Instant::now() > deadline {
                return Err(StoryError::Never("a stored segment of each camera after the third epoch"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Fetches a stored segment as the relay has it, and looks for anything to see.
    async fn relay_sees(&mut self, chosen: &Chosen) -> Result<(), StoryError> {
        self.chapter("What the relay sees");
        let sealed = self.stored_segment(chosen).await?;
        let header = media::segment::SegmentHeader::decode(
            sealed.get(..media::segment::HEADER_LEN).unwrap_or_default(),
        )
        .map_err(at("a stored segment"))?;
        self.says(format!(
            "segment {} of camera {:.12}…: epoch {}, {} bytes, started {}. That is all it can read.",
            header.sequence,
            header.camera_id.to_string(),
            header.epoch_no,
            sealed.len(),
            show_us(header.start_us)
        ));
        let body = sealed.get(media::segment::HEADER_LEN..).unwrap_or_default();
        let start: Vec<String> = body.iter().skip(8).take(24).map(|byte| format!("{byte:02x}")).collect();
        let boxes =
            body.windows(4).filter(|four| [b"moof", b"mdat", b"ftyp"].contains(&four_bytes(four))).count();
        self.says(format!(
            "the rest is ciphertext: {} … {:.3} bits of entropy a byte, {boxes} MP4 boxes in sight",
            start.join(" "),
            entropy(body)
        ));
        Ok(())
    }

    async fn stored_segment(&self, chosen: &Chosen) -> Result<bytes::Bytes, StoryError> {
        let camera = self.cast.video.cameras.first().ok_or(StoryError::Never("a camera"))?;
        let requester = &self.cast.people.requester;
        let sealed =
            requester::open::sealed_segment(requester, camera.id, chosen.from_us, chosen.to_us).await;
        sealed.map_err(at("fetch"))?.ok_or(StoryError::Never("a stored segment in the chosen epochs"))
    }

    /// The owner plays everything back and exports the chosen minutes.
    async fn clip(&mut self, chosen: &Chosen) -> Result<(Watched, Option<bool>), StoryError> {
        self.chapter("The owner's recordings");
        let owner = &self.cast.people.owner;
        let mut played = Watched::default();
        let stored = owner::book::status(owner).await.map_err(at("cameras"))?;
        for camera in &stored {
            // From a moment that all of them filmed to what is durable: the segment that is being filmed is no gap.
            let span = Span::new(chosen.from_us, camera.newest_us).map_err(at("play"))?;
            let mut nowhere = tokio::io::sink();
            let watched = owner::play::play(owner, &camera.name, span, &mut nowhere, &mut |_| {}).await;
            let watched = watched.map_err(at("play"))?;
            played.segments += watched.segments;
            played.refused += watched.refused;
            played.gaps += watched.gaps;
        }
        let text = format!(
            "{} segments played back from the relay, {} gaps, {} refused: each one signed, in its chain",
            played.segments, played.gaps, played.refused
        );
        self.says(text);
        let span = Span::new(chosen.from_us, chosen.to_us).map_err(at("export"))?;
        let clip = self.cast.plan.dir.join("clip.mp4");
        let exported = owner::export::export(owner, &self.camera_name(), span, &clip, &mut |_| {})
            .await
            .map_err(at("export"))?;
        let source = self.cast.plan.footage.first().cloned().unwrap_or_default();
        let first = exported.files.first().map_or(clip, |file| file.path.clone());
        let plays = frames::are_the_sources(&first, &source).await;
        self.says(format!(
            "exported {} ({}); its decoded frames are {}",
            first.display(),
            exported.files.first().map_or_else(String::new, |file| format!("{} bytes", file.bytes)),
            match plays {
                Some(true) => "the source's, every one",
                Some(false) => "NOT the source's",
                None => "not compared: ffmpeg is not installed",
            }
        ));
        Ok((played, plays))
    }

    /// Composes the request and shows it to the trustees without a leaf.
    async fn before_the_log(
        &mut self,
        chosen: &Chosen,
        folder: &RequestFolder,
    ) -> Result<Refused, StoryError> {
        self.chapter("An emergency, without a record");
        let camera = self.cast.video.cameras.first().ok_or(StoryError::Never("a camera"))?;
        let requester = &self.cast.people.requester;
        let ask = ask(camera.id.to_string(), chosen);
        let drafted = requester::request::new(requester, &ask, folder).await.map_err(at("request new"))?;
        requester::request::sign(requester, folder).map_err(at("request sign"))?;
        let answers = requester::collect::ask_once(requester, folder).await.map_err(at("ask"))?;
        let text = format!(
            "an officer asks for epochs {} to {} and shows the request to {} trustees without logging it:",
            drafted.first_epoch,
            drafted.last_epoch,
            answers.len()
        );
        self.says(text);
        for (trustee, answer) in &answers {
            self.says(format!("  {trustee}: {}", answer_text(answer)));
        }
        let names: Vec<&str> = answers
            .iter()
            .map(|(_, answer)| match answer {
                Answer::Refused(refused) => refused.name.as_str(),
                Answer::Granted { .. } => "GRANTED",
                Answer::Pending(_) => "pending",
                Answer::Unusable { .. } => "unusable",
            })
            .collect();
        let first = names.first().copied().unwrap_or("nobody answered");
        let all_refused = answers.iter().all(|(_, answer)| matches!(answer, Answer::Refused(_)));
        let asked_all = answers.len() == usize::from(self.cast.plan.trustees);
        Ok(Refused { refused: all_refused && asked_all, name: first.to_owned() })
    }

    /// Puts the request into the log.
    async fn logged(&mut self, folder: &RequestFolder) -> Result<(u64, usize), StoryError> {
        self.chapter("The same emergency, on the record");
        let submitted = requester::request::submit(&self.cast.people.requester, folder)
            .await
            .map_err(at("request submit"))?;
        self.says(format!(
            "leaf {} of the log, in a head cosigned by {}",
            submitted.leaf_index,
            submitted.witnesses.join(", ")
        ));
        Ok((submitted.leaf_index, submitted.witnesses.len()))
    }

    /// Collects, opens, tries the neighbour, verifies the evidence offline.
    async fn opened(
        &mut self,
        folder: &RequestFolder,
    ) -> Result<(requester::open::Opened, Refused, bool), StoryError> {
        let requester = &self.cast.people.requester;
        let collected = requester::collect::collect(requester, folder, PATIENCE, &mut |_| {}).await;
        let collected = collected.map_err(at("request collect"))?;
        for (trustee, answer) in &collected.answers {
            self.says(format!("  {trustee}: {}", answer_text(answer)));
        }
        let opened =
            requester::open::open(requester, folder, &mut |_| {}).await.map_err(at("request open"))?;
        let clips: Vec<String> = opened.clips.iter().map(|clip| clip.display().to_string()).collect();
        self.says(format!(
            "{} of {} epochs opened, {} segments: {}",
            opened.epochs_opened,
            opened.epochs_requested,
            opened.segments,
            clips.join(", ")
        ));
        let last = requester::request::sign(requester, folder).map_err(at("request"))?.last_epoch;
        let tried = requester::open::try_epoch(requester, folder, last + 1).await.map_err(at("neighbour"))?;
        let neighbour = match tried {
            Tried::Refused { name } => Refused { refused: true, name },
            Tried::Opened => Refused { refused: false, name: "OPENED".to_owned() },
            Tried::NoFootage => Refused { refused: false, name: "no footage of it".to_owned() },
        };
        self.says(format!("epoch {}, the next one: {}", last + 1, neighbour.name));
        let verified = crate::cli::verify_evidence(&opened.evidence);
        match &verified {
            Ok(_) => self.says(format!("{} verifies offline", opened.evidence.display())),
            Err(error) => self.says(format!("the evidence does NOT verify: {error}")),
        }
        let holds = verified.is_ok();
        Ok((opened, neighbour, holds))
    }

    /// The owner reads the log.
    async fn audit(&mut self, leaf_index: u64) -> Result<bool, StoryError> {
        self.chapter("The owner's audit");
        let audited = owner::audit::audit(&self.cast.people.owner, Since::LastHead, &mut |_| {}).await;
        let report = audited.map_err(at("audit"))?;
        let text = audit_text(&report);
        text.lines().for_each(|line| self.says(line));
        let is_it = |row: &&Row| row.leaf_index == leaf_index && row.kind == "emergency" && !row.expected;
        Ok(report.rows.iter().any(|row| is_it(&row)))
    }

    /// Anybody counts.
    async fn recount(&mut self) -> Result<(u64, bool), StoryError> {
        self.chapter("Anyone recounts");
        let config = &self.cast.monitors.first().ok_or(StoryError::Never("a monitor"))?.config;
        let recounted = monitor::check(config, None).await.map_err(at("monitor check"))?;
        let completed = recounted.counts.emergencies().completed;
        self.says(format!(
            "{} leaves recounted from the log alone: {completed} emergency release(s) completed",
            recounted.size
        ));
        let deadline = Instant::now() + PATIENCE;
        let agree = loop {
            let mut heads = Vec::new();
            for monitor in &self.cast.monitors {
                heads.push(status(&monitor.config.listen).await.map_err(at("monitor status"))?);
            }
            let caught_up = heads.iter().all(|(size, _, _)| *size >= recounted.size);
            let quiet = heads.iter().all(|(_, alarms, _)| *alarms == 0);
            let same = heads.windows(2).all(|two| two.iter().all(|head| head.2 == completed));
            if caught_up || Instant::now() > deadline {
                break caught_up && quiet && same;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        self.says(match agree {
            true => "both monitors follow the same log, see no fork, and count the same",
            false => "the monitors do NOT agree",
        });
        Ok((completed, agree))
    }

    /// Sent and acknowledged, once what was sent has had time to become durable.
    async fn drained(&mut self) -> Result<(u64, u64), StoryError> {
        let cameras = &self.cast.video.cameras;
        let sent: Vec<u64> = cameras.iter().map(|camera| camera.stats.segments_sent()).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let acked: Vec<u64> = cameras.iter().map(|camera| camera.stats.segments_acked()).collect();
            if acked.iter().zip(&sent).all(|(acked, sent)| acked >= sent) || Instant::now() > deadline {
                let acked = acked.iter().zip(&sent).map(|(acked, sent)| *acked.min(sent)).sum();
                return Ok((sent.iter().sum(), acked));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn ask(camera_id: String, chosen: &Chosen) -> Ask {
    Ask {
        camera_id,
        track: 0,
        // Inside the first and the last epoch: whole epochs are asked for, and no neighbour is touched.
        from_us: chosen.from_us + 1_000_000,
        to_us: chosen.to_us - 1_000_000,
        kind: Kind::Emergency,
        basis: "danger-of-death".to_owned(),
        officer: "Sgt. A. Example".to_owned(),
        badge: "1182".to_owned(),
        supervisor: "Lt. B. Example".to_owned(),
        call_back: "control room called back on the published number".to_owned(),
        case_number: "demo/1".to_owned(),
        grounds: Grounds::Emergency {
            in_danger: "a child of six, missing since noon".to_owned(),
            why_waiting_is_dangerous: "it is below zero and getting dark".to_owned(),
            why_no_order: "no judge can be reached within the hour".to_owned(),
            how_footage_helps: "the camera shows which way the child left".to_owned(),
        },
    }
}

/// Size, standing alarms and completed emergencies, as a monitor serves them.
async fn status(listen: &std::net::SocketAddr) -> Result<(u64, usize, u64), host::http::FetchError> {
    let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
    let json = |reply: host::http::Reply| {
        serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap_or_default()
    };
    let status = json(fetch.get(&format!("http://{listen}/status")).await?);
    let counts = json(fetch.get(&format!("http://{listen}/counts")).await?);
    Ok((
        status["size"].as_u64().unwrap_or(0),
        status["alarms"].as_array().map_or(0, Vec::len),
        counts["emergencies"]["completed"].as_u64().unwrap_or(u64::MAX),
    ))
}

fn four_bytes(slice: &[u8]) -> &[u8; 4] {
    slice.first_chunk().unwrap_or(b"    ")
}

/// Shannon entropy, bits a byte: 8 for noise.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len().max(1) as f64;
    let parts = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / total);
    -parts.map(|part| part * part.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_textbook() {
        assert!((entropy(&[0, 1, 2, 3]) - 2.0).abs() < 1e-9);
        assert!(entropy(&[7; 100]).abs() < 1e-9);
    }
}
