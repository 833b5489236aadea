//! One thread of the hasher: the jobs it has, side by side.
//!
//! They run in turns of one length for all, so that no lane is idle. After each turn those that are
//! over leave, and others take their lanes.

use upcall_crypto::Md5;

use super::queue::{LANES, Queue};
use super::stream::Job;

/// Hashes until the queue is closed.
pub(super) fn work(queue: &Queue) {
    let guard = CloseOnPanic(queue);
    let mut jobs = Vec::with_capacity(LANES);
    let mut done = 0;
    while queue.fill(&mut jobs, done) {
        run_turn(&mut jobs);
        let before = jobs.len();
        jobs.retain_mut(|job| !job.is_over());
        done = before - jobs.len();
    }
    drop(guard);
}

fn run_turn(jobs: &mut [Job]) {
    // Pieces that are hardly a few blocks would cut everybody's turn short.
    for job in &mut *jobs {
        while (1..SHORT_BYTES).contains(&job.piece().len()) {
            let (digests, piece) = job.parts();
            digests.update(piece);
            let length = piece.len();
            job.hashed(length);
        }
    }
    let lengths = jobs.iter().map(|job| job.piece().len());
    let Some(length) = lengths.filter(|length| *length > 0).min() else {
        return;
    };
    let length = length.min(TURN_BYTES);
    let mut pairs: Vec<(&mut Md5, &[u8])> = Vec::with_capacity(LANES);
    for job in &mut *jobs {
        let (digests, piece) = job.parts();
        if let Some(piece) = piece.get(..length) {
            digests.crc64.update(piece);
            pairs.push((&mut digests.md5, piece));
        }
    }
    Md5::update_many(&mut pairs);
    for job in jobs.iter_mut().filter(|job| !job.piece().is_empty()) {
        job.hashed(length);
    }
}

/// A bug in here must not leave uploads waiting for a thread that is no more.
struct CloseOnPanic<'q>(&'q Queue);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close_at_once();
        }
    }
}

/// A turn, at most: 64 KiB, which is 80 µs for one job and 130 µs for sixteen. So long a job waits for
/// a lane that is free.
const TURN_BYTES: usize = 64 * 1024;

/// What is not worth a lane: less than 1 KiB, 16 blocks.
const SHORT_BYTES: usize = 1024;
