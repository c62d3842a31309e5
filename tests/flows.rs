//! What users do, from end to end: the main job, pairing, a changed policy, from glass to glass,
//! the owner's page in a browser, a camera that changes, one that films events only, the alarm that
//! misses one, crashes in the middle of work.

mod alarm;
mod app;
mod changes;
mod crash;
mod deployment;
mod events;
mod firefox;
mod glass;
mod legible;
mod main_job;
mod outage;
mod pairing;
mod policy;
mod rtsp;
mod sub;
