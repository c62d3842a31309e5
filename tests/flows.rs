//! What users do, from end to end: the main job, pairing, the owner's page in a browser, crashes in the middle of work.

mod app;
mod crash;
mod deployment;
mod main_job;
mod pairing;
mod rtsp;
mod sub;
