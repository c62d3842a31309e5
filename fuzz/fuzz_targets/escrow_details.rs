//! Details of a request, as whoever holds their key reads them: any text under a good
//! seal, and any bytes in place of a sealed text. What opens, sealed again, opens to the same.
#![no_main]

use escrow::details::Details;
use escrow::record::SealedDetails;
use libfuzzer_sys::fuzz_target;
use seal::details::DetailsKey;

fuzz_target!(|bytes: &[u8]| {
    let key = DetailsKey::new([1; 32]);
    let open = |sealed: Vec<u8>| Details::open(&SealedDetails::new(sealed)?, &key).ok();
    assert!(open(bytes.to_vec()).is_none(), "nobody forges a seal");
    for size in [1024, 4096, 16_384] {
        if bytes.len() > size {
            continue;
        }
        let mut padded = bytes.to_vec();
        padded.resize(size, 0);
        if let Some(details) = open(key.seal(&padded)) {
            assert_eq!(details.text().as_bytes(), bytes);
            let mut again = details.text().into_bytes();
            again.resize(size, 0);
            assert_eq!(open(key.seal(&again)).as_ref(), Some(&details));
        }
    }
});
