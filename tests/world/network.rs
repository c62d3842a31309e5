//! A bad network in front of the relay: a UDP proxy that loses, delays, and carries only so much.
//! QUIC sees packets that come late or never, from one address; nothing in them is looked at or
//! changed.
//!
//! ```text
//! cameras ==> front socket -- one line up: loss, rate, queue, delay --> a socket for each camera ==> relay
//!         <==              <-- one line down: the same ---------------                           <==
//! ```
//!
//! All that passes shares the two lines, as a house shares its uplink. What is lost is drawn from a
//! seeded generator, so that a run differs from another in nothing but its timing.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// The most bytes of a UDP packet.
const PACKET: usize = 65_535;
/// Packets under way on a line, whatever its rate: some 20 MB. More are lost.
const UNDER_WAY: usize = 16_384;
/// Peers that the proxy tells apart.
const PEERS: usize = 64;

/// What the network does to packets, in each direction.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Of a thousand packets, so many are lost.
    pub lost_permille: u64,
    pub delay: Duration,
    /// Upwards; downwards it carries whatever comes.
    pub bytes_per_second: Option<u64>,
    /// How much of a rate's time waits before the line; what comes on top is lost.
    pub queue: Duration,
    pub seed: u64,
}

impl Network {
    /// Nothing is lost, nothing is late.
    pub const GOOD: Self = Self {
        lost_permille: 0,
        delay: Duration::ZERO,
        bytes_per_second: None,
        queue: Duration::from_millis(500),
        seed: 1,
    };
}

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    told: Arc<Told>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Told {
    is_cut: AtomicBool,
    /// Bytes a second upwards; 0 for no limit.
    rate: AtomicU64,
    passed: AtomicU64,
    lost: AtomicU64,
}

impl Proxy {
    /// Before the relay at `relay`.
    pub async fn start(relay: SocketAddr, network: Network) -> Self {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = front.local_addr().unwrap();
        let told = Arc::new(Told::default());
        let mut tasks = JoinSet::new();
        let mut line = |is_up, seed| {
            let (line, leaving) = Line::new(Network { seed, ..network }, is_up, told.clone());
            tasks.spawn(deliver(leaving));
            line
        };
        let (up, down) = (line(true, network.seed), line(false, !network.seed));
        tasks.spawn(forward(front, relay, up, down));
        let proxy = Self { address, told, _tasks: tasks };
        proxy.carry(network.bytes_per_second);
        proxy
    }

    /// Carries so many bytes a second upwards from now on.
    pub fn carry(&self, bytes_per_second: Option<u64>) {
        self.told.rate.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    /// Where peers find the relay through it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Loses everything until it is mended.
    pub fn cut(&self) {
        self.told.is_cut.store(true, Ordering::Relaxed);
    }

    pub fn mend(&self) {
        self.told.is_cut.store(false, Ordering::Relaxed);
    }

    /// Packets that passed, and that were lost.
    pub fn passed_and_lost(&self) -> (u64, u64) {
        (self.told.passed.load(Ordering::Relaxed), self.told.lost.load(Ordering::Relaxed))
    }
}

/// A packet, from which socket it leaves, to whom, and when.
type Leaving = (Instant, Arc<UdpSocket>, SocketAddr, Vec<u8>);

/// One direction.
#[derive(Debug)]
struct Line {
    network: Network,
    is_up: bool,
    told: Arc<Told>,
    state: Mutex<State>,
    leaving: mpsc::Sender<Leaving>,
}

#[derive(Debug)]
struct State {
    /// When the last packet will have been put on the line.
    free_at: Instant,
    random: u64,
}

impl Line {
    fn new(network: Network, is_up: bool, told: Arc<Told>) -> (Arc<Self>, mpsc::Receiver<Leaving>) {
        let (leaving, queue) = mpsc::channel(UNDER_WAY);
        let state = Mutex::new(State { free_at: Instant::now(), random: network.seed });
        (Arc::new(Self { network, is_up, told, state, leaving }), queue)
    }

    fn send(&self, packet: &[u8], from: &Arc<UdpSocket>, to: SocketAddr) {
        let passed = self
            .leaves_at(packet.len())
            .is_some_and(|at| self.leaving.try_send((at, from.clone(), to, packet.to_vec())).is_ok());
        let counter = if passed { &self.told.passed } else { &self.told.lost };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// When a packet of this length comes out; `None` for one that is lost.
    fn leaves_at(&self, len: usize) -> Option<Instant> {
        let (now, state) = (Instant::now(), &mut *self.state.lock().unwrap());
        if next(&mut state.random) % 1000 < self.network.lost_permille
            || self.told.is_cut.load(Ordering::Relaxed)
        {
            return None;
        }
        let free_at = state.free_at.max(now);
        let rate = self.told.rate.load(Ordering::Relaxed);
        if self.is_up && rate > 0 {
            if free_at - now > self.network.queue {
                return None;
            }
            state.free_at = free_at + Duration::from_secs_f64(len as f64 / rate as f64);
        }
        Some(state.free_at.max(now) + self.network.delay)
    }
}

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The delay is the same for all, so that none overtakes another.
async fn deliver(mut leaving: mpsc::Receiver<Leaving>) {
    while let Some((at, from, to, packet)) = leaving.recv().await {
        sleep_until(at).await;
        // Nobody there: lost, as on any network.
        let _ = from.send_to(&packet, to).await;
    }
}

/// Upwards, with a socket towards the relay for each peer.
async fn forward(front: Arc<UdpSocket>, relay: SocketAddr, up: Arc<Line>, down: Arc<Line>) {
    let mut peers: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut backward = JoinSet::new();
    let mut packet = vec![0; PACKET];
    loop {
        let Ok((len, peer)) = front.recv_from(&mut packet).await else { continue };
        if !peers.contains_key(&peer) {
            assert!(peers.len() < PEERS, "too many peers for this proxy");
            let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
            backward.spawn(back(socket.clone(), front.clone(), peer, down.clone()));
            peers.insert(peer, socket);
        }
        up.send(&packet[..len], &peers[&peer], relay);
    }
}

async fn back(socket: Arc<UdpSocket>, front: Arc<UdpSocket>, peer: SocketAddr, down: Arc<Line>) {
    let mut packet = vec![0; PACKET];
    loop {
        // A relay that is away is told by an error on the socket; it may come back.
        let Ok((len, _)) = socket.recv_from(&mut packet).await else { continue };
        down.send(&packet[..len], &front, peer);
    }
}
