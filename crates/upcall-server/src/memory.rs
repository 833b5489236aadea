//! The memory of requests that are under way, bounded in all and shared among peers.
//!
//! In: a peer, and how much its request is about to hold. Out: a [`Charge`], given back on drop, or
//! [`MemoryScarce`]. What is held before a signature was judged (buffers, long heads, a form's fields)
//! and after it (batches of a file) is one account, so that none of them can take what the others
//! have been promised.
//!
//! While most of it is free, any peer may have any part. A peer never holds more than is still free,
//! so one alone holds half of it, and two hold a third each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::peers::Peer;

/// All of it.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    total: usize,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    taken: usize,
    held: HashMap<Peer, usize>,
}

/// There is not so much left, in all or for this peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the requests that are under way take all the memory that they may take")]
pub(crate) struct MemoryScarce;

impl MemoryBudget {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            account: Mutex::default(),
        })
    }

    /// Takes nothing yet.
    pub(crate) fn open(self: &Arc<Self>, peer: Peer) -> Charge {
        Charge {
            budget: Arc::clone(self),
            peer,
            bytes: 0,
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request holds.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<MemoryBudget>,
    peer: Peer,
    bytes: usize,
}

impl Charge {
    /// Takes some more.
    ///
    /// # Errors
    /// There is not so much left; nothing was taken.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), MemoryScarce> {
        if bytes == 0 {
            return Ok(());
        }
        let mut account = self.budget.account();
        let free = self.budget.total.saturating_sub(account.taken);
        let held = account.held.get(&self.peer).copied().unwrap_or(0);
        // What stays free has to be as much as the peer then holds.
        if held.saturating_add(bytes.saturating_mul(2)) > free {
            return Err(MemoryScarce);
        }
        account.taken += bytes;
        account.held.insert(self.peer, held + bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Takes as much as is missing to this.
    ///
    /// # Errors
    /// There is not so much left; nothing was taken.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), MemoryScarce> {
        self.grow(bytes.saturating_sub(self.bytes))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Charge {
    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut account = self.budget.account();
        let bytes = std::mem::take(&mut self.bytes);
        account.taken -= bytes;
        if let Some(held) = account.held.get_mut(&self.peer) {
            *held -= bytes;
            if *held == 0 {
                account.held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::of([127, 0, 0, last].into())
    }

    #[test]
    fn one_peer_holds_half_and_leaves_the_other_half() {
        let budget = MemoryBudget::new(100);
        let mut first = budget.open(peer(1));
        assert_eq!(first.grow(50), Ok(()));
        assert_eq!(first.grow(1), Err(MemoryScarce));
        assert_eq!(
            budget.open(peer(1)).grow(1),
            Err(MemoryScarce),
            "of the same peer"
        );
        let mut second = budget.open(peer(2));
        assert_eq!(second.grow(25), Ok(()));
        assert_eq!(second.grow(1), Err(MemoryScarce));
        drop(first);
        assert_eq!(second.grow_to(50), Ok(()));
        assert_eq!(second.grow_to(50), Ok(()), "nothing is missing");
        drop(second);
        let account = budget.account();
        assert_eq!((account.taken, account.held.len()), (0, 0));
    }
}
