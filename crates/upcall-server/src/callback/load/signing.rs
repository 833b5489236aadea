//! On which thread a request is signed.
//!
//! RSA takes the CPU: 0.03 ms with a key of 512 bits, 0.26 ms with 2,048, 1.7 ms with 4,096. In that
//! time a thread of the runtime serves nobody else, so a slow key signs on others, of which there
//! are few. A fast one signs where it is: handing over and back would cost as much. Which of them a
//! key is shows by how long its last signature took; a new one is taken for slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Where signatures are made.
#[derive(Debug)]
pub(in crate::callback) struct SigningDesk {
    /// A permit for each thread that may sign.
    threads: Arc<Semaphore>,
    /// Whether the last signature took longer than a thread of the runtime should be kept.
    is_slow: Arc<AtomicBool>,
}

impl Default for SigningDesk {
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, usize::from);
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            is_slow: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl SigningDesk {
    /// Runs `work`, here or there; `None` if it has panicked or the runtime ends.
    pub(in crate::callback) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if !self.is_slow.load(Ordering::Relaxed) {
            return Some(measured(work, &self.is_slow));
        }
        let turn = Arc::clone(&self.threads).acquire_owned().await.ok()?;
        let is_slow = Arc::clone(&self.is_slow);
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            measured(work, &is_slow)
        });
        working.await.ok()
    }
}

fn measured<T>(work: impl FnOnce() -> T, is_slow: &AtomicBool) -> T {
    let began = Instant::now();
    let done = work();
    // If the machine did something else in between, the next one takes the long way, no more.
    is_slow.store(began.elapsed() > INLINE, Ordering::Relaxed);
    done
}

/// The longest signature that is made on a thread of the runtime: some times what the way to another
/// one and back costs.
const INLINE: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_slow_signature_leaves_the_thread_and_a_fast_one_stays() {
        let here = thread::current().id();
        let desk = SigningDesk::default();
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
    async fn work_that_panics_is_no_work() {
        let desk = SigningDesk::default();
        let panics = || -> () { panic!("as it should") };
        assert_eq!(desk.run(panics).await, None);
        assert!(desk.run(|| ()).await.is_some(), "its place is free again");
    }
}
