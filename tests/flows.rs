//! What users do, from end to end: the main job, pairing, from glass to glass, the owner's page in a browser, a
//! camera that changes, the alarm that misses one, crashes in the middle of work.

mod alarm;
mod app;
mod changes;
mod crash;
mod deployment;
mod glass;
mod main_job;
mod outage;
mod pairing;
mod rtsp;
mod sub;
