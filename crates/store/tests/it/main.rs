//! The suite, on a store that is not ours: written against the public contract alone.
#![allow(clippy::unwrap_used)]

mod memory;

#[tokio::test]
async fn a_store_in_memory_keeps_the_contract() {
    store::suite::keeps_its_contract(memory::Memory::default).await;
}
