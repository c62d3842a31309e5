//! A source's byte stream: what splits is within its limits, reads again alone, and exports or is
//! refused.
#![no_main]

use container::export::Exporter;
use container::split::{Piece, Splitter};
use container::{Fragment, Init};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let mut splitter = Splitter::new();
    let mut run: Option<(Init, Exporter)> = None;
    for piece in bytes.chunks(usize::from(piece) + 1) {
        splitter.push(piece);
        loop {
            match splitter.next_piece() {
                Ok(Some(Piece::Init(init))) => {
                    assert_eq!(Init::parse(init.bytes()).expect("again").tracks(), init.tracks());
                    run = Exporter::new(init.bytes()).ok().map(|exporter| (*init, exporter));
                }
                Ok(Some(Piece::Fragment(fragment))) => {
                    let Some((init, exporter)) = &mut run else { continue };
                    assert_eq!(Fragment::parse(init, fragment.bytes()).as_ref(), Ok(&fragment));
                    let _ = exporter.add(fragment.bytes());
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    if let Some((_, exporter)) = run {
        let _ = exporter.finish();
    }
});
