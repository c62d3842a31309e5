//! Following the log (proto/gossip.md#following): fetch the head, verify every step of its growth,
//! adopt it durably.
//!
//! Only waits for the network end with a shutdown. A step that has come to the disk is finished.

use crate::book::HeadCheck;
use crate::evidence::AlarmKind;
use crate::look::{Look, LookError};
use crate::state::{Monitor, within};
use host::http::FetchError;
use host::shutdown::Shutdown;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use tlog::checkpoint::SignedCheckpoint;
use tlog::fork::ForkProof;
use tlog::merkle::{NodeId, cover};
use tlog::policy::{CosignedCheckpoint, VerifyError};
use tlog::reader::{Head, ReadError, VerifiedEntry};
use tlog::stamp::{Followed, StampFault};
use tlog::tile::{Tile, TilePath, place_of};
use tokio::time::Instant;

/// Tries before a log that serves other tiles than it signed is accused: tiles never change, but
/// caches and replicas err.
const TRIES_BEFORE_ALARM: u32 = 3;

/// One look at the log.
pub(crate) async fn look(monitor: &Arc<Monitor>, shutdown: &Shutdown) -> Result<Look, LookError> {
    if monitor.with_book(|book, policy| book.recover(policy).map(|()| book.is_forked())).await? {
        return Ok(Look::Forked);
    }
    let note = within(shutdown, monitor.log.unverified_checkpoint()).await?;
    // SPEC: gossip.md#following: the checkpoint MUST be verified under the monitor's own log
    // policy.
    let cosigned = match monitor.policy().verify_checkpoint(&note) {
        Ok(cosigned) => cosigned,
        Err(error @ VerifyError::QuorumNotMet(_)) => {
            // Not followed; but what the log signed, it signed.
            let signed = monitor.policy().verify_log_signature(&note)?;
            let contradicts = monitor.with_book(move |book, _| {
                let checkable = signed.checkpoint().size() <= book.size();
                Ok(checkable && book.check_head(signed, Instant::now())? == HeadCheck::Forked)
            });
            return if contradicts.await? { Ok(Look::Forked) } else { Err(error.into()) };
        }
        Err(error) => return Err(error.into()),
    };
    let followed = monitor.book().followed();
    let trusted = followed.head();
    let target = Head::of(cosigned.checkpoint());
    if target.size <= trusted.size {
        // SPEC: gossip.md#following: a head that is not larger MUST be the root of that size in our
        // own tree.
        return monitor
            .with_book(move |book, _| {
                Ok(match book.check_head(cosigned.signed().clone(), Instant::now())? {
                    HeadCheck::Forked => Look::Forked,
                    HeadCheck::Consistent | HeadCheck::Pending if target.size < trusted.size => Look::Behind,
                    HeadCheck::Consistent | HeadCheck::Pending => {
                        book.refresh(cosigned)?;
                        Look::UpToDate
                    }
                })
            })
            .await;
    }
    match read_entries(monitor, &followed, &cosigned, shutdown).await {
        // fsync may take its time: on a thread that may wait.
        Ok(faults) => {
            monitor
                .with_book(move |book, _| {
                    // A bad stamp is told and counted on: its entry stands in the log like any other.
                    for fault in faults {
                        book.alarms.raise(AlarmKind::Stamp, &fault.encode())?;
                    }
                    book.adopt(cosigned)?;
                    Ok(if book.is_forked() { Look::Forked } else { Look::Grown })
                })
                .await
        }
        Err(LookError::Read(ReadError::Forked { .. })) => accuse(monitor, cosigned, shutdown).await,
        Err(LookError::Read(error)) => {
            if monitor.count_unreproducible(target) >= TRIES_BEFORE_ALARM {
                unreproducible(monitor, &cosigned).await?;
            }
            Err(LookError::Read(error))
        }
        Err(error @ LookError::Fetch(_)) => {
            // A head whose entries cannot be had is withheld as much as one that is not shown.
            monitor
                .with_book(move |book, _| book.check_head(cosigned.signed().clone(), Instant::now()))
                .await?;
            Err(error)
        }
        Err(
            error @ (LookError::Checkpoint(_)
            | LookError::Follow(_)
            | LookError::Store(_)
            | LookError::Stopping),
        ) => Err(error),
    }
}

/// Takes all entries from the followed head to a cosigned one into the book, each verified before;
/// the faults of their stamps.
async fn read_entries(
    monitor: &Monitor,
    followed: &Followed,
    target: &CosignedCheckpoint,
    shutdown: &Shutdown,
) -> Result<Vec<StampFault>, LookError> {
    monitor.book().begin();
    let mut kept = Ok(());
    let mut take = |entry: VerifiedEntry| {
        if kept.is_ok() {
            kept = monitor.book().extend(entry.bytes());
        }
    };
    let reading = within(shutdown, monitor.log.follow(followed, target, &mut take)).await?;
    kept?;
    Ok(reading.faults)
}

/// The log showed a head that does not continue ours. Its own tiles of that head make the fork
/// proof; if they do not give the head it signed either, the head is unreproducible.
async fn accuse(
    monitor: &Arc<Monitor>,
    shown: CosignedCheckpoint,
    shutdown: &Shutdown,
) -> Result<Look, LookError> {
    let Some(own) = monitor.book().head().map(|head| head.signed().clone()) else { return Ok(Look::Behind) };
    let nodes = within(shutdown, fetch_nodes(monitor, &own, shown.signed())).await?;
    match ForkProof::build(&own, shown.signed(), |id| nodes.get(&id).copied()) {
        Ok(proof) => {
            monitor.with_book(|book, _| Ok(book.alarms.raise_fork(proof)?)).await?;
            Ok(Look::Forked)
        }
        Err(error) => {
            tracing::error!(%error, "the log's tiles do not give the head it signed");
            unreproducible(monitor, &shown).await?;
            Err(LookError::Read(ReadError::UnreproducibleHead { size: shown.checkpoint().size() }))
        }
    }
}

async fn unreproducible(monitor: &Arc<Monitor>, shown: &CosignedCheckpoint) -> Result<(), LookError> {
    let evidence = shown.encode();
    monitor.with_book(move |book, _| Ok(book.alarms.raise(AlarmKind::UnreproducibleHead, &evidence)?)).await
}

/// The perfect subtrees that a fork proof lists, from the tiles of the larger tree.
async fn fetch_nodes(
    monitor: &Monitor,
    small: &SignedCheckpoint,
    large: &SignedCheckpoint,
) -> Result<BTreeMap<NodeId, tlog::Hash>, FetchError> {
    let (m, n) = (small.checkpoint().size(), large.checkpoint().size());
    let mut tiles: BTreeMap<TilePath, Tile> = BTreeMap::new();
    let mut nodes = BTreeMap::new();
    for id in cover(0, m).into_iter().chain(cover(m, n)) {
        let place = place_of(id);
        let Some(path) = place.tile_in(n) else { continue };
        if let Entry::Vacant(missing) = tiles.entry(path) {
            let bytes = monitor.log.unverified_tile(&path).await?;
            // A full tile in place of a partial one begins with it.
            let own = bytes.get(..usize::from(path.width()) * 32).unwrap_or(&bytes);
            let Ok(tile) = Tile::parse(&path, own) else { continue };
            missing.insert(tile);
        }
        nodes.extend(tiles.get(&path).and_then(|tile| tile.subtree(&place)).map(|hash| (id, hash)));
    }
    Ok(nodes)
}
