//! On which thread a request is signed.
//!
//! RSA takes the CPU: 0.03 ms with a key of 512 bits, 0.26 ms with 2,048, 1.7 ms with 4,096. In that
//! time a thread of the runtime serves nobody else, so a slow key signs on others, of which there
//! are few. A fast one signs where it is: handing over and back would cost as much. Which of them a
//! key is shows by how long its last signature took; a new one is taken for slow.
//!
//! Threads of our own and not tokio's for what blocks: a thread that is done takes the next request
//! from the queue, without asking the runtime for it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Where signatures are made.
#[derive(Debug)]
pub(in crate::callback) struct SigningDesk {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// Whether the last signature took longer than a thread of the runtime should be kept.
    is_slow: Arc<AtomicBool>,
}

/// What waits for a thread: calls under way, which have their own bound, and a few that will be soon.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    has_work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl SigningDesk {
    /// With a thread for each core; where the system gives none, every key signs where it is.
    pub(in crate::callback) fn start() -> Self {
        let queue = Arc::new(Queue::default());
        let most = available_parallelism().map_or(1, usize::from);
        let start = |number| {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name(format!("signer-{number}"));
            thread.spawn(move || queue.work()).ok()
        };
        Self {
            threads: (0..most).map_while(start).collect(),
            queue,
            is_slow: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether so much waits for a thread that nothing should be begun before it is needed.
    pub(in crate::callback) fn is_busy(&self) -> bool {
        self.queue.lock().jobs.len() >= AHEAD
    }

    /// Runs `work`, here or there; `None` if it has panicked there.
    ///
    /// # Cancellation
    /// What nobody waits for any more is not begun.
    pub(in crate::callback) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        match self.begin(work) {
            Ok(comes) => comes.await.ok(),
            Err(work) => Some(measured(work, &self.is_slow)),
        }
    }

    /// Begins `work` on another thread; gives it back if it is better done where it is needed.
    ///
    /// # Cancellation
    /// As for [`run`](Self::run).
    pub(in crate::callback) fn begin<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        work: W,
    ) -> Result<oneshot::Receiver<T>, W> {
        if self.threads.is_empty() || !self.is_slow.load(Ordering::Relaxed) {
            return Err(work);
        }
        let (done, comes) = oneshot::channel();
        let is_slow = Arc::clone(&self.is_slow);
        self.queue.push(Box::new(move || {
            if !done.is_closed() {
                // Whoever has gone since then needs it no more.
                let _ = done.send(measured(work, &is_slow));
            }
        }));
        Ok(comes)
    }
}

impl Drop for SigningDesk {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.has_work.notify_all();
        for thread in self.threads.drain(..) {
            // It catches what panics, and so does not.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn push(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.has_work.notify_one();
    }

    /// What a thread does, until the queue is closed.
    fn work(&self) {
        while let Some(job) = self.next() {
            // The job's end of the channel is dropped, which tells the one who waits.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            let woken = self.has_work.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("jobs", &self.lock().jobs.len())
            .finish_non_exhaustive()
    }
}

fn measured<T>(work: impl FnOnce() -> T, is_slow: &AtomicBool) -> T {
    let began = Instant::now();
    let done = work();
    // If the machine did something else in between, the next one takes the long way, no more.
    is_slow.store(began.elapsed() > INLINE, Ordering::Relaxed);
    done
}

/// Signatures that wait, above which none is made ahead: ten milliseconds of work, so the flush beside
/// which it would be made is over before its turn comes.
const AHEAD: usize = 64;

/// The longest signature that is made on a thread of the runtime: some times what the way to another
/// one and back costs.
const INLINE: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_signature_leaves_the_thread_and_a_fast_one_stays() {
        let here = thread::current().id();
        let desk = SigningDesk::start();
        let slow = || {
            thread::sleep(INLINE * 2);
            thread::current().id()
        };
        for _ in 0..3 {
            let there = desk.run(slow).await;
            assert!(there.is_some_and(|there| there != here));
        }
        // One of a few is not interrupted, and from then on they stay.
        let mut stayed = false;
        for _ in 0..100 {
            stayed |= desk.run(|| thread::current().id()).await == Some(here);
        }
        assert!(stayed);
        desk.is_slow.store(false, Ordering::Relaxed);
        assert_eq!(desk.run(slow).await, Some(here));
        assert!(desk.run(slow).await.is_some_and(|there| there != here));
    }

    #[tokio::test]
    async fn work_that_panics_is_no_work_and_ends_no_thread() {
        let desk = SigningDesk::start();
        let panics = || -> () { panic!("as it should") };
        for _ in 0..2 * desk.threads.len() {
            assert_eq!(desk.run(panics).await, None);
        }
        assert!(desk.run(|| ()).await.is_some());
    }
}
