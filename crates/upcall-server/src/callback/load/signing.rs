//! On which thread a request is signed.
//!
//! RSA takes the CPU: 0.03 ms with a key of 512 bits, 0.26 ms with 2,048, 1.7 ms with 4,096. In
//! that time a thread of the runtime serves nobody else, so a slow key signs on others, of which
//! there are few. A fast one signs where it is: handing over and back would cost as much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Decides by how long a signature takes on this machine.
#[derive(Debug)]
pub(in crate::callback) struct SigningDesk {
    /// A permit for each thread that may sign.
    threads: Arc<Semaphore>,
    /// Whether it is for them; else the caller's own thread signs.
    is_slow: AtomicBool,
}

impl SigningDesk {
    /// `sign_once` makes a signature, to be measured.
    pub(in crate::callback) fn measured(sign_once: impl Fn()) -> Self {
        let threads = available_parallelism().map_or(1, usize::from);
        let desk = Self {
            threads: Arc::new(Semaphore::new(threads)),
            is_slow: AtomicBool::new(false),
        };
        desk.measure(sign_once);
        desk
    }

    /// Measures again: there is another key.
    pub(in crate::callback) fn measure(&self, sign_once: impl Fn()) {
        let once = || {
            let began = Instant::now();
            sign_once();
            began.elapsed()
        };
        // The fastest: whatever else the machine did in between is not the key's.
        let took = (0..REHEARSALS).map(|_| once()).min();
        let is_slow = took.unwrap_or_default() > INLINE;
        self.is_slow.store(is_slow, Ordering::Relaxed);
    }

    /// Runs `work`, here or there; `None` if it has panicked or the runtime ends.
    pub(in crate::callback) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if !self.is_slow.load(Ordering::Relaxed) {
            return Some(work());
        }
        let turn = Arc::clone(&self.threads).acquire_owned().await.ok()?;
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        working.await.ok()
    }
}

/// The longest signature that is made on a thread of the runtime: twice what the way to another one
/// and back costs.
const INLINE: Duration = Duration::from_micros(100);

const REHEARSALS: usize = 5;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_slow_signature_leaves_the_thread_and_a_fast_one_stays() {
        let here = thread::current().id();
        let fast = SigningDesk::measured(|| ());
        let slow = SigningDesk::measured(|| thread::sleep(INLINE * 2));

        assert_eq!(fast.run(|| thread::current().id()).await, Some(here));
        let there = slow.run(|| thread::current().id()).await;
        assert!(there.is_some_and(|there| there != here));
    }

    #[tokio::test]
    async fn another_key_is_measured_again() {
        let desk = SigningDesk::measured(|| ());
        desk.measure(|| thread::sleep(INLINE * 2));
        let here = thread::current().id();
        let there = desk.run(|| thread::current().id()).await;
        assert!(there.is_some_and(|there| there != here));
    }
}
