//! The emergency: refused without a record, granted on the record, and what its keys open; and one that is
//! logged too early.

use super::{Chosen, PATIENCE, Story, StoryError, at};
use crate::demo::report::Refused;
use crate::words::answer_text;
use escrow::evidence::Completeness;
use media::time::Micros;
use owner::sealed::sealed_segments;
use requester::ask::{Ask, Grounds, Kind};
use requester::collect::Answer;
use requester::folder::RequestFolder;
use requester::request::RequestError;
use requester::show::Tried;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// So long after its beginning an epoch is known to the relay.
const BEGUN_US: u64 = 1_500_000;
/// Between two questions for it.
const AGAIN_US: u64 = 300_000;

async fn sleep_until(us: u64) {
    tokio::time::sleep(Duration::from_micros(us.saturating_sub(host::clock::now_us()))).await;
}

impl Story<'_> {
    /// Composes the request and shows it to the trustees without a leaf.
    pub(super) async fn before_the_log(
        &mut self,
        chosen: &Chosen,
        folder: &RequestFolder,
    ) -> Result<Refused, StoryError> {
        self.chapter("An emergency, without a record");
        let requester = &self.cast.people.requester;
        let ask = ask(self.camera()?.id.to_string(), chosen);
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
        Ok(self.refused_by_all(&answers))
    }

    fn refused_by_all(&self, answers: &[(String, Answer)]) -> Refused {
        let first = match answers.first() {
            Some((_, Answer::Refused(refused))) => refused.name.as_str(),
            Some((_, Answer::Granted { .. })) => "GRANTED",
            Some((_, Answer::Pending(_))) => "pending",
            Some((_, Answer::Unusable { .. })) => "unusable",
            None => "nobody answered",
        };
        let all_refused = answers.iter().all(|(_, answer)| matches!(answer, Answer::Refused(_)));
        let asked_all = answers.len() == usize::from(self.cast.plan.trustees);
        Refused { refused: all_refused && asked_all, name: first.to_owned() }
    }

    /// Logs a request for the epoch that is being filmed, and shows it when that is over: an owner who
    /// reads the log in between must not have read past it.
    pub(super) async fn before_the_footage(&mut self) -> Result<Refused, StoryError> {
        self.chapter("A request that is logged before its footage");
        let requester = &self.cast.people.requester;
        let folder = RequestFolder::at(&self.cast.plan.dir.join("early"));
        let length_us = u64::from(self.cast.plan.epoch_seconds) * 1_000_000;
        let deadline = Instant::now() + PATIENCE;
        let mut begun_us = host::clock::now_us().div_ceil(length_us) * length_us;
        let drafted = loop {
            // Early in an epoch. The relay knows of it once its first key frame has come.
            sleep_until((begun_us + BEGUN_US).max(host::clock::now_us() + AGAIN_US)).await;
            let ask = Ask {
                from_us: begun_us + BEGUN_US / 2,
                to_us: begun_us + BEGUN_US,
                ..ask(self.camera()?.id.to_string(), &Chosen { from_us: 0, to_us: length_us })
            };
            match requester::request::new(requester, &ask, &folder).await {
                Err(RequestError::Objects(_)) if Instant::now() < deadline => {}
                drafted => break drafted.map_err(at("request new"))?,
            }
            if host::clock::now_us() > begun_us + length_us / 2 {
                begun_us += length_us;
            }
        };
        requester::request::sign(requester, &folder).map_err(at("request sign"))?;
        let submitted = requester::request::submit(requester, &folder).await.map_err(at("request submit"))?;
        self.says(format!(
            "epoch {} is being filmed, and leaf {} asks for it; it is shown to the trustees when the epoch is over:",
            drafted.last_epoch, submitted.leaf_index
        ));
        sleep_until(drafted.to_us).await;
        let answers = requester::collect::ask_once(requester, &folder).await.map_err(at("ask"))?;
        for (trustee, answer) in &answers {
            self.says(format!("  {trustee}: {}", answer_text(answer)));
        }
        Ok(self.refused_by_all(&answers))
    }

    /// Puts the request into the log.
    pub(super) async fn logged(&mut self, folder: &RequestFolder) -> Result<(u64, usize), StoryError> {
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
    pub(super) async fn opened(
        &mut self,
        folder: &RequestFolder,
    ) -> Result<(requester::open::Opened, Refused, bool), StoryError> {
        let requester = &self.cast.people.requester;
        let collected = requester::collect::collect(requester, folder, PATIENCE, &mut |_| {}).await;
        let collected = collected.map_err(at("request collect"))?;
        for (trustee, answer) in &collected.answers {
            self.says(format!("  {trustee}: {}", answer_text(answer)));
            if matches!(answer, Answer::Granted { .. }) {
                self.granted_by.push(trustee.clone());
            }
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
        let neighbour = self.neighbour(folder).await?;
        let court = opened.evidence.with_file_name("court.zip");
        let to = host::durable::Target::from(&court);
        let written = crate::evidence::court::write(&opened.evidence, &to);
        written.map_err(crate::evidence::Unheld::Unread).map_err(at("court file"))?;
        self.says(format!("{}: films, a page in plain words and the evidence, to hand on", court.display()));
        let holds = self.evidence(&court)?;
        Ok((opened, neighbour, holds))
    }

    /// The epoch behind the last one: asked of the relay, which hands out what was granted; and, with
    /// the ciphertext that the owner's device may have, tried with every released key.
    async fn neighbour(&mut self, folder: &RequestFolder) -> Result<Refused, StoryError> {
        let (requester, owner) = (&self.cast.people.requester, &self.cast.people.owner);
        let drafted = requester::request::draft(requester, folder).map_err(at("request"))?;
        let next = drafted.last_epoch + 1;
        let asked = requester::show::try_epoch(requester, folder, next).await.map_err(at("neighbour"))?;
        // Its first segment begins with a key frame: some time after the epoch does.
        let half_us = u64::from(self.cast.plan.epoch_seconds) * 500_000;
        let span = (Micros(drafted.to_us), Micros(drafted.to_us + half_us));
        let sealed = sealed_segments(owner, self.camera()?.id, span, 16).await.map_err(at("neighbour"))?;
        let tried = requester::show::try_sealed(requester, folder, next, &sealed).await;
        let is_withheld = matches!(asked, Tried::Withheld { .. });
        let neighbour = match tried.map_err(at("neighbour"))? {
            Tried::Refused { name } => Refused { refused: is_withheld, name },
            Tried::Opened => Refused { refused: false, name: "OPENED".to_owned() },
            Tried::Withheld { .. } | Tried::NoFootage => {
                Refused { refused: false, name: "no footage of it".to_owned() }
            }
        };
        if let Tried::Withheld { reason } = asked {
            self.says(format!("epoch {next}, the next one, asked of the relay: {reason}"));
        }
        self.says(format!("epoch {next}, the next one: {}", neighbour.name));
        Ok(neighbour)
    }

    /// Verifies the evidence as a stranger would, and once more without the record that proves its
    /// end: whether the one is complete, and the other says that it is not shown to be.
    fn evidence(&mut self, path: &Path) -> Result<bool, StoryError> {
        let whole = match crate::evidence::verify(path, &mut |_| Ok(())) {
            Ok(verified) => verified.footage.completeness(),
            Err(error) => {
                self.says(format!("the evidence does NOT verify: {error}"));
                return Ok(false);
            }
        };
        self.says(match whole {
            Completeness::Complete => format!("{} verifies offline: complete", path.display()),
            Completeness::Incomplete => format!("{} verifies offline, INCOMPLETE", path.display()),
            Completeness::NotProven => format!("{} verifies offline, its END NOT PROVEN", path.display()),
        });
        let (evidence, cut) =
            (path.with_file_name("evidence"), path.with_file_name("evidence-without-its-closing"));
        crate::evidence::without_closing(&evidence, &cut).map_err(at("cut evidence"))?;
        let cut = crate::evidence::verify(&cut, &mut |_| Ok(())).map_err(at("cut evidence"))?;
        let is_told = cut.footage.completeness() == Completeness::NotProven;
        self.says(format!(
            "with the camera's closing record and the last segment cut off, it {}",
            if is_told { "says that its end is not proven" } else { "does NOT say so" }
        ));
        Ok(whole == Completeness::Complete && is_told)
    }
}

fn ask(camera_id: String, chosen: &Chosen) -> Ask {
    Ask {
        camera_id,
        track: 0,
        // Inside the first and the last epoch: whole epochs are asked for, and no neighbour is
        // touched.
        from_us: chosen.from_us + 1_000_000,
        to_us: chosen.to_us - 1_000_000,
        kind: Kind::Emergency,
        basis: "danger-of-death".to_owned(),
        officer: "Sgt. A. Example".to_owned(),
        badge: "1182".to_owned(),
        supervisor: "Lt. B. Example".to_owned(),
        call_back: "control room called back on the published number".to_owned(),
        case_number: "demo/1".to_owned(),
        incident: None,
        grounds: Grounds::Emergency {
            in_danger: "a child of six, missing since noon".to_owned(),
            why_waiting_is_dangerous: "it is below zero and getting dark".to_owned(),
            why_no_order: "no judge can be reached within the hour".to_owned(),
            how_footage_helps: "the camera shows which way the child left".to_owned(),
        },
    }
}
