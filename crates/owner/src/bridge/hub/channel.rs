//! The newest segments of one live picture. Pure but for the waking of readers.
//!
//! A reader has a place of its own and holds nobody up: one that falls behind the oldest segment that
//! is kept is told so, and is out.

use crate::live::viewer::Output;
use crate::live::{Event, Outlet, WatchError};
use bytes::Bytes;
use container::fragment::Begins;
use container::{Fragment, Init};
use host::lock::Mutex;
use media::time::Micros;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The most segments that are kept, and their bytes; two are kept whatever their size, which the
/// format bounds.
const MOST_SEGMENTS: usize = 12;
const MOST_BYTES: usize = 64 << 20;
/// Numbers begin with the time, in such steps, so that those of a view that begins again are higher.
const STEP_US: u64 = 125_000;
/// What was filmed longer ago is not what the camera films now: nobody who reads a film sees its age.
const OLD: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(in crate::bridge) struct Channel {
    shown: Mutex<Shown>,
    /// Changes with what is shown.
    changed: watch::Sender<()>,
    used: Mutex<Instant>,
    /// How many read it as a film now.
    readers: std::sync::atomic::AtomicUsize,
}

/// One init segment, and what it is of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::bridge) struct Run {
    pub(in crate::bridge) number: u64,
    pub(in crate::bridge) init: Bytes,
}

#[derive(Debug, Clone)]
pub(in crate::bridge) struct Segment {
    number: u64,
    pub(in crate::bridge) run: Arc<Run>,
    /// Nothing is missing between the one before and this.
    pub(in crate::bridge) joins: bool,
    pub(in crate::bridge) parts: Vec<Bytes>,
    /// Its number in playlists, which have no holes, and how long it is; once it was verified whole.
    pub(in crate::bridge) whole: Option<(u64, Duration)>,
    sequence: u64,
    begins: Option<Begins>,
    is_over: bool,
}

#[derive(Debug)]
struct Shown {
    segments: VecDeque<Segment>,
    bytes: usize,
    next: u64,
    next_whole: u64,
    run: Option<Arc<Run>>,
    /// Whether the next segment joins the one before it.
    joins: bool,
    /// Breaks that are not among the segments any more.
    breaks: u64,
    longest: Duration,
    over: Option<Option<String>>,
}

/// Where a reader is.
#[derive(Debug, Clone)]
pub(in crate::bridge) struct Place {
    number: u64,
    part: usize,
    run: u64,
}

/// What a reader gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bridge) enum Next {
    Piece(Bytes),
    /// What comes has another size or codec, or the view is over.
    End,
    /// It was too slow: what it should read is gone.
    Behind,
}

impl Channel {
    pub(super) fn new(now_us: Micros) -> Self {
        let shown = Shown {
            segments: VecDeque::new(),
            bytes: 0,
            next: now_us.0 / STEP_US,
            next_whole: now_us.0 / STEP_US,
            run: None,
            joins: false,
            breaks: 0,
            longest: Duration::ZERO,
            over: None,
        };
        Self {
            shown: Mutex::new(shown),
            changed: watch::Sender::new(()),
            used: Mutex::new(Instant::now()),
            readers: Default::default(),
        }
    }

    pub(super) fn touch(&self) {
        *self.used.lock() = Instant::now();
    }

    pub(super) fn is_idle(&self, now: Instant, after: Duration) -> bool {
        let readers = self.readers.load(std::sync::atomic::Ordering::Relaxed);
        readers == 0 && now.saturating_duration_since(*self.used.lock()) > after
    }

    /// It is over, and why if that was a fault.
    pub(super) fn end(&self, why: Option<String>) {
        self.shown.lock().over = Some(why);
        self.changed.send_replace(());
    }

    /// Waits for the newest segment that begins with a key frame: its init segment, and the place
    /// behind it. An error says why none will come.
    pub(in crate::bridge) async fn newest(&self) -> Result<(Bytes, Place), Option<String>> {
        self.find(|shown| {
            let mut from_key = shown.segments.iter().filter(|it| it.begins == Some(Begins::WithKeyFrame));
            let segment = from_key.next_back()?;
            let place = Place { number: segment.number, part: 0, run: segment.run.number };
            Some((segment.run.init.clone(), place))
        })
        .await
    }

    /// Waits for what comes at a place, and goes on behind it.
    pub(in crate::bridge) async fn next(&self, place: &mut Place) -> Next {
        self.find(|shown| shown.next(place)).await.unwrap_or(Next::End)
    }

    /// Waits until there is a whole segment; gives those that are, from one with a key frame on, the
    /// longest that one was, and how many breaks there were before them.
    pub(in crate::bridge) async fn whole(&self) -> Result<(Vec<Segment>, Duration, u64), Option<String>> {
        self.touch();
        self.find(|shown| {
            let whole = |it: &&Segment| it.whole.is_some();
            let skipped =
                shown.segments.iter().take_while(|it| it.begins != Some(Begins::WithKeyFrame) || !whole(it));
            let breaks = shown.breaks + skipped.clone().filter(|it| !it.joins).count() as u64;
            let all = shown.segments.iter().skip(skipped.count()).filter(whole);
            let all: Vec<Segment> = all.cloned().collect();
            (!all.is_empty()).then_some((all, shown.longest, breaks))
        })
        .await
    }

    /// A whole segment by its number in playlists.
    pub(in crate::bridge) fn segment(&self, number: u64) -> Option<Segment> {
        self.touch();
        let shown = self.shown.lock();
        shown.segments.iter().find(|it| it.whole.is_some_and(|(whole, _)| whole == number)).cloned()
    }

    pub(in crate::bridge) fn run(&self, number: u64) -> Option<Arc<Run>> {
        let shown = self.shown.lock();
        shown.segments.iter().map(|it| &it.run).find(|run| run.number == number).cloned()
    }

    /// Counts a reader of a film, until what is given back is dropped.
    pub(in crate::bridge) fn reading(self: &Arc<Self>) -> Reading {
        self.readers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reading(self.clone())
    }

    async fn find<T>(&self, mut find: impl FnMut(&Shown) -> Option<T>) -> Result<T, Option<String>> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            {
                let shown = self.shown.lock();
                if let Some(found) = find(&shown) {
                    return Ok(found);
                }
                if let Some(why) = &shown.over {
                    return Err(why.clone());
                }
            }
            // The sender lives in `self`.
            let _ = changed.changed().await;
        }
    }
}

/// One reader of a film.
#[derive(Debug)]
pub(in crate::bridge) struct Reading(Arc<Channel>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.touch();
        self.0.readers.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Shown {
    /// `None`: it is still to come.
    fn next(&self, place: &mut Place) -> Option<Next> {
        loop {
            let first = self.segments.front()?.number;
            if place.number < first {
                return Some(Next::Behind);
            }
            let at = usize::try_from(place.number - first).ok()?;
            let segment = self.segments.get(at)?;
            if segment.run.number != place.run {
                return Some(Next::End);
            }
            if let Some(part) = segment.parts.get(place.part) {
                place.part += 1;
                return Some(Next::Piece(part.clone()));
            }
            if !segment.is_over {
                return None;
            }
            (place.number, place.part) = (place.number + 1, 0);
        }
    }

    fn begin(&mut self, sequence: u64) {
        // The session was lost within it, and the rest of it comes.
        if self.segments.back().is_some_and(|last| last.sequence == sequence && !last.is_over) {
            return;
        }
        self.give_up();
        let Some(run) = self.run.clone() else { return };
        let joins = std::mem::replace(&mut self.joins, true)
            && self.segments.back().is_some_and(|last| last.run == run);
        self.segments.push_back(Segment {
            number: self.next,
            run,
            joins,
            parts: Vec::new(),
            whole: None,
            sequence,
            begins: None,
            is_over: false,
        });
        self.next += 1;
    }

    /// What is unfinished stays so.
    fn give_up(&mut self) {
        if let Some(last) = self.segments.back_mut().filter(|last| !last.is_over) {
            last.is_over = true;
            self.joins = false;
        }
    }

    fn whole(&mut self, duration: Duration) {
        if let Some(last) = self.segments.back_mut() {
            (last.is_over, last.whole) = (true, Some((self.next_whole, duration)));
            self.next_whole += 1;
            self.longest = self.longest.max(duration);
        }
    }

    fn part(&mut self, begins: Begins, bytes: Bytes) {
        let Some(last) = self.segments.back_mut() else { return };
        last.begins.get_or_insert(begins);
        self.bytes += bytes.len();
        last.parts.push(bytes);
        while self.segments.len() > 2 && (self.segments.len() > MOST_SEGMENTS || self.bytes > MOST_BYTES) {
            let Some(first) = self.segments.pop_front() else { return };
            self.bytes -= first.parts.iter().map(Bytes::len).sum::<usize>();
            self.breaks += u64::from(!first.joins);
        }
    }
}

/// Where the live view of a channel goes.
pub(super) struct Publisher {
    channel: Arc<Channel>,
    init: Option<Init>,
}

impl Publisher {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self { channel, init: None }
    }

    fn publish(&mut self, output: Output) -> std::io::Result<()> {
        let mut shown = self.channel.shown.lock();
        match output {
            Output::Init(bytes) => {
                self.init = Some(Init::parse(&bytes).map_err(std::io::Error::other)?);
                shown.give_up();
                shown.run = Some(Arc::new(Run { number: shown.next, init: bytes.into() }));
            }
            Output::Fragment(bytes) => {
                let init = self.init.as_ref();
                let init = init.ok_or_else(|| std::io::Error::other("a fragment before its init"))?;
                let fragment = Fragment::parse(init, &bytes).map_err(std::io::Error::other)?;
                shown.part(fragment.begins, bytes.into());
            }
            Output::Event(Event::Segment { sequence, .. }) => shown.begin(sequence),
            Output::Event(Event::SegmentVerified { duration_us, .. }) => {
                shown.whole(Duration::from_micros(duration_us));
            }
            Output::Event(Event::Refused { sequence, reason }) => {
                tracing::warn!(sequence, reason, "a segment was refused");
                shown.give_up();
            }
            Output::Event(Event::Gap { .. }) => {
                shown.joins = false;
            }
            Output::Event(Event::PolicyAlarm { epoch, expected, found }) => {
                tracing::warn!(epoch, expected, found, "the camera films under another policy");
            }
            Output::Event(Event::Run { .. } | Event::Fragment { .. }) => {}
        }
        Ok(())
    }
}

impl Outlet for Publisher {
    /// Readers hold nobody up.
    async fn take(&mut self, outputs: Vec<Output>) -> Result<(), WatchError> {
        for output in &outputs {
            let Output::Event(Event::Fragment { latency_us, .. }) = output else { continue };
            let age = Duration::from_micros(*latency_us);
            if age > OLD {
                return Err(WatchError::Old(age.as_secs()));
            }
        }
        for output in outputs {
            self.publish(output)?;
        }
        self.channel.changed.send_replace(());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
