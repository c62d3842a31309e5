//! Garbage at every door: sockets that speak HTTP, the relay's QUIC socket, files that a party
//! reads when it starts. Each answers by name or hangs up, none crashes or hangs, and honest users
//! are served meanwhile and afterwards.

mod files;
mod http;
mod udp;

/// A row of bytes that means nothing, the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
