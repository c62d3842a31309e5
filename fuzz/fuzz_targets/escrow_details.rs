//! Details of a request, as whoever holds the day's notice key reads them: any text under a good
//! seal, and any bytes in place of a sealed text. What opens, sealed again, opens to the same.
#![no_main]

use escrow::details::Details;
use escrow::record::{EntryId, SealedDetails};
use libfuzzer_sys::fuzz_target;
use seal::notice::NoticeKey;

fuzz_target!(|bytes: &[u8]| {
    let (key, id) = (NoticeKey::new([1; 32]), EntryId::from_hex(&"22".repeat(16)).expect("32 hex digits"));
    let open = |sealed: Vec<u8>| Details::open(&SealedDetails::new(sealed)?, &key, &id).ok();
    assert!(open(bytes.to_vec()).is_none(), "nobody forges a seal");
    for size in [1024, 4096, 16_384] {
        if bytes.len() > size {
            continue;
        }
        let mut padded = bytes.to_vec();
        padded.resize(size, 0);
        if let Some(details) = open(key.seal_details(id.as_bytes(), &padded)) {
            assert_eq!(details.text().as_bytes(), bytes);
            let again = details.seal(&key, &id).expect("what opened can be sealed");
            assert_eq!(Details::open(&again, &key, &id).as_ref(), Ok(&details));
        }
    }
});
