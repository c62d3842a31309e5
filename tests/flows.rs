//! What users do, from end to end: the main job, pairing, crashes in the middle of work.

mod crash;
mod deployment;
mod main_job;
mod pairing;
mod rtsp;
