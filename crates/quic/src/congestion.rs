//! How much may be under way: CUBIC (RFC 9438), which takes a lost packet for a full queue only
//! where something else says so too.
//!
//! On a radio link packets are lost at random. CUBIC halves its window for each: at 5 % loss and
//! 400 ms there and back the usual formula leaves it 16 kB/s (Mathis et al., 1997), whatever the
//! link could, which is less than a picture. A queue that is full shows otherwise: packets wait, so
//! that the round trip grows, or most of what is sent is lost. So a loss counts when
//!
//! - the round trip is more than a quarter and [`QUEUED`] above its least, or
//! - more than [`MUCH_PERCENT`] of what was sent lately was lost, or
//! - the network says so itself (ECN).
//!
//! When nothing arrived for long (persistent congestion) the network was away, and what was known
//! of it is of the past: it begins as a new connection does. CUBIC would grow by a packet in each
//! round trip from then on, and a camera would be behind for minutes after an outage of seconds.
//!
//! The first is the rule of TCP Veno (Fu and Liew, 2003). Out of scope: measuring bandwidth.
//! (quinn's BBR would; its start-up lets the window of a sender that is not limited by the network,
//! as a camera is, grow without bound.)

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So much longer than its least a round trip may be before packets are said to wait; jitter of a
/// radio is below it.
const QUEUED: Duration = Duration::from_millis(20);
/// More lost than this is no radio's doing.
const MUCH_PERCENT: u64 = 10;
/// What "lately" is, bytes: some 200 packets.
const LATELY: u64 = 256 << 10;

/// After once to twice this long the least round trip is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// Makes a [`Tolerant`] for each connection.
#[derive(Debug, Default)]
pub(crate) struct TolerantConfig(Arc<CubicConfig>);

impl ControllerFactory for TolerantConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Tolerant::new(self.0.clone(), now, current_mtu))
    }
}

/// See the [module](self).
pub(crate) struct Tolerant {
    config: Arc<CubicConfig>,
    mtu: u16,
    cubic: Box<dyn Controller>,
    lately: Lately,
    round_trip: RoundTrip,
}

/// The smoothed round trip now, and the least of the last one or two times [`FORGOTTEN`]: a route
/// may become longer for good. (quinn's own least is of all times, and begins with its guess of 333
/// ms, below which a long link never comes.)
#[derive(Debug, Clone)]
struct RoundTrip {
    now: Duration,
    least: Duration,
    least_before: Duration,
    since: Instant,
}

impl RoundTrip {
    fn measured(&mut self, now: Instant, round_trip: Duration) {
        if now.saturating_duration_since(self.since) >= FORGOTTEN {
            (self.least_before, self.least, self.since) = (self.least, Duration::MAX, now);
        }
        self.least = self.least.min(round_trip);
        self.now = round_trip;
    }

    fn least(&self) -> Duration {
        self.least.min(self.least_before)
    }

    /// How long packets wait on their way.
    fn waits(&self) -> Duration {
        self.now.saturating_sub(self.least())
    }
}

/// Bytes that arrived and that did not, the older ones weighing less.
#[derive(Debug, Clone)]
struct Lately {
    arrived: u64,
    lost: u64,
}

impl Default for Lately {
    /// The benefit of the doubt: the first loss of a connection is not all that is known of it.
    fn default() -> Self {
        Self { arrived: LATELY / 4, lost: 0 }
    }
}

impl Lately {
    fn add(&mut self, arrived: u64, lost: u64) {
        self.arrived += arrived;
        self.lost += lost;
        if self.arrived + self.lost > LATELY {
            self.arrived /= 2;
            self.lost /= 2;
        }
    }

    fn is_much(&self) -> bool {
        self.lost * 100 > MUCH_PERCENT * (self.arrived + self.lost)
    }
}

impl Tolerant {
    fn new(config: Arc<CubicConfig>, now: Instant, mtu: u16) -> Self {
        let cubic = config.clone().build(now, mtu);
        let unknown = Duration::MAX;
        let round_trip = RoundTrip { now: Duration::ZERO, least: unknown, least_before: unknown, since: now };
        Self { config, mtu, cubic, lately: Lately::default(), round_trip }
    }

    /// How long packets wait on their way: what the round trip takes beyond its least.
    pub(crate) fn waits(&self) -> Duration {
        self.round_trip.waits()
    }

    fn is_queued(&self) -> bool {
        self.waits() > (self.round_trip.least() / 4).saturating_add(QUEUED)
    }
}

impl Controller for Tolerant {
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.lately.add(bytes, 0);
        self.round_trip.measured(now, rtt.get());
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent: bool, lost_bytes: u64) {
        if is_persistent {
            self.cubic = self.config.clone().build(now, self.mtu);
            self.lately = Lately::default();
            return;
        }
        self.lately.add(0, lost_bytes);
        // ECN's word comes without lost bytes.
        if lost_bytes == 0 || self.lately.is_much() || self.is_queued() {
            self.cubic.on_congestion_event(now, sent, false, lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            config: self.config.clone(),
            mtu: self.mtu,
            cubic: self.cubic.clone_box(),
            lately: self.lately.clone(),
            round_trip: self.round_trip.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1200;

    /// A connection that has sent for a while over a link of 100 ms, and has lost so many of each
    /// hundred packets.
    fn sending(lost_of_hundred: u64, waits_ms: u64) -> (Tolerant, u64) {
        let begun = Instant::now();
        let mut sending = Tolerant::new(Arc::default(), begun, 1200);
        sending.round_trip.measured(begun, Duration::from_millis(100));
        sending.round_trip.measured(begun, Duration::from_millis(100 + waits_ms));
        let before = sending.window();
        for packet in 0..1000 {
            if packet % 100 < lost_of_hundred {
                let now = begun + Duration::from_millis(packet + 1);
                sending.on_congestion_event(now, begun + Duration::from_millis(packet), false, MTU);
            } else {
                sending.lately.add(MTU, 0);
            }
        }
        (sending, before)
    }

    #[test]
    fn packets_that_are_lost_at_random_take_nothing_from_the_window() {
        let (sending, before) = sending(5, 0);
        assert_eq!(sending.window(), before);
        // As cubic alone would have it.
        let mut cubic = sending.cubic.clone_box();
        let now = Instant::now();
        cubic.on_congestion_event(now, now, false, MTU);
        assert!(cubic.window() < before);
    }

    #[test]
    fn a_loss_counts_when_packets_wait() {
        let (sending, before) = sending(5, 60);
        assert!(sending.window() < before);
        assert_eq!(sending.waits(), Duration::from_millis(60));
    }

    #[test]
    fn a_route_that_became_longer_is_no_queue_for_ever() {
        let (mut sending, _) = sending(0, 60);
        let mut now = sending.round_trip.since;
        for _ in 0..2 {
            assert_eq!(sending.waits(), Duration::from_millis(60));
            now += FORGOTTEN;
            sending.round_trip.measured(now, Duration::from_millis(160));
        }
        assert_eq!(sending.waits(), Duration::ZERO);
    }

    #[test]
    fn losing_much_counts() {
        let (sending, before) = sending(20, 0);
        assert!(sending.window() < before);
    }

    #[test]
    fn the_networks_own_word_counts() {
        let (mut sending, before) = sending(0, 0);
        let now = Instant::now();
        sending.on_congestion_event(now, now, false, 0);
        assert!(sending.window() < before);
    }

    #[test]
    fn after_silence_it_begins_anew_and_does_not_stay_small() {
        let (mut sending, _) = sending(20, 60);
        let small = sending.window();
        let now = Instant::now();
        for _ in 0..10 {
            sending.on_congestion_event(now, now, true, MTU);
        }
        assert!(sending.window() > small, "{} > {small}", sending.window());
        assert_eq!(sending.window(), sending.initial_window());
        assert_eq!(sending.metrics().ssthresh, Some(u64::MAX), "it grows as fast as a new connection");
        assert!(!sending.lately.is_much());
    }
}
