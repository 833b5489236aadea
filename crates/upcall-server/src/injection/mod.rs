//! Fault injection: what a test wants to go wrong with the next calls or uploads of a bucket.
//!
//! In: a [`FaultOrder`], as the admin interface read it. Out: an [`Injected`] for the call or the
//! upload that asks next and is meant by it. Each order is carried out exactly as often as it says,
//! however many ask at the same time; if several mean the same call, the oldest goes first.
//!
//! A server has an [`Injector`] only where whoever runs it has switched fault injection on: `upcall
//! dev` does, `upcall serve` cannot. What an injected fault does is said where it happens: to a call
//! in `callback::dispatcher::injected`, to an upload in `upload::injected`.

mod kind;
mod order;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use upcall::name::{BucketName, ObjectKey};

pub(crate) use kind::{CallFault, Fault, UploadFault};
pub(crate) use order::{FaultOrder, OrderRequest};

/// Whether faults can be ordered on the admin interface.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FaultInjection {
    /// They cannot, and cost nothing.
    #[default]
    Off,
    /// For tests: whoever has the admin secret can have calls and uploads fail.
    On,
}

impl FaultInjection {
    pub(crate) fn injector(self) -> Option<Arc<Injector>> {
        match self {
            Self::Off => None,
            Self::On => Some(Arc::default()),
        }
    }
}

/// The faults that are ordered.
#[derive(Debug, Default)]
pub(crate) struct Injector(Mutex<Ordered>);

#[derive(Debug, Default)]
struct Ordered {
    last: u64,
    /// In the order in which they came.
    buckets: HashMap<BucketName, VecDeque<OrderedFault>>,
}

/// A fault that was ordered, and how often it is still to happen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OrderedFault {
    pub(crate) id: FaultId,
    pub(crate) order: FaultOrder,
    pub(crate) left: u32,
}

/// The id of an ordered fault: a number, counted from the start of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FaultId(u64);

/// A fault that happens now, and to whom it is owed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Injected<F> {
    pub(crate) id: FaultId,
    pub(crate) fault: F,
}

impl Injector {
    /// Takes an order. What was carried out whole makes room for it.
    ///
    /// # Errors
    /// The bucket has as many as it may.
    pub(crate) fn order(&self, order: FaultOrder) -> Result<OrderedFault, TooManyFaults> {
        let mut ordered = self.lock();
        let id = FaultId(ordered.last + 1);
        let faults = ordered.buckets.entry(order.bucket.clone()).or_default();
        if faults.len() >= MOST_FAULTS {
            let done = faults.iter().position(|fault| fault.left == 0);
            faults.remove(done.ok_or(TooManyFaults)?);
        }
        let fault = OrderedFault {
            id,
            left: order.count,
            order,
        };
        faults.push_back(fault.clone());
        ordered.last = id.0;
        Ok(fault)
    }

    /// What is to happen to a call that begins now.
    pub(crate) fn of_call(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Option<Injected<CallFault>> {
        self.take(bucket, key, |fault| match fault {
            Fault::Call(fault) => Some(fault),
            Fault::Upload(_) => None,
        })
    }

    /// What is to happen to an upload that was just admitted.
    pub(crate) fn of_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Option<Injected<UploadFault>> {
        self.take(bucket, key, |fault| match fault {
            Fault::Upload(fault) => Some(fault),
            Fault::Call(_) => None,
        })
    }

    /// The orders of a bucket, or all, the oldest of each bucket first.
    pub(crate) fn list(&self, bucket: Option<&BucketName>) -> Vec<OrderedFault> {
        let ordered = self.lock();
        let wanted = |(name, _): &(&BucketName, _)| bucket.is_none_or(|bucket| bucket == *name);
        let found = ordered.buckets.iter().filter(wanted);
        let mut found: Vec<_> = found.flat_map(|(_, faults)| faults).cloned().collect();
        found.sort_by_key(|fault| fault.id.0);
        found
    }

    /// Takes one order back; whether there was one.
    pub(crate) fn drop_one(&self, id: FaultId) -> bool {
        let mut ordered = self.lock();
        ordered.buckets.values_mut().any(|faults| {
            let place = faults.iter().position(|fault| fault.id == id);
            place.is_some_and(|place| faults.remove(place).is_some())
        })
    }

    /// Takes back the orders of a bucket, or all.
    pub(crate) fn drop_all(&self, bucket: Option<&BucketName>) {
        let mut ordered = self.lock();
        match bucket {
            Some(bucket) => drop(ordered.buckets.remove(bucket)),
            None => ordered.buckets.clear(),
        }
    }

    fn take<F>(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: impl Fn(Fault) -> Option<F>,
    ) -> Option<Injected<F>> {
        let mut ordered = self.lock();
        let faults = ordered.buckets.get_mut(bucket)?;
        faults.iter_mut().find_map(|ordered| {
            let order = &ordered.order;
            if ordered.left == 0 || order.key.as_ref().is_some_and(|wanted| wanted != key) {
                return None;
            }
            let fault = which(order.fault)?;
            ordered.left -= 1;
            Some(Injected {
                id: ordered.id,
                fault,
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, Ordered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FaultId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A bucket has as many faults as it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the bucket has {MOST_FAULTS} faults that have not happened yet")]
pub(crate) struct TooManyFaults;

/// Faults of one bucket, those that have happened included until others take their place.
///
/// 100: more than a test can want, and few enough to look through at every call.
const MOST_FAULTS: usize = 100;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn bucket(name: &str) -> BucketName {
        BucketName::parse(name).unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(name).unwrap()
    }

    fn order(of: &str, of_key: Option<&str>, fault: Fault, count: u32) -> FaultOrder {
        FaultOrder {
            bucket: bucket(of),
            key: of_key.map(key),
            fault,
            count,
        }
    }

    #[test]
    fn a_fault_happens_to_what_it_means_and_as_often_as_it_says() {
        let injector = Injector::default();
        let refuse = Fault::Call(CallFault::Refuse);
        let first = injector.order(order("one", None, refuse, 2)).unwrap();
        injector
            .order(order("one", Some("a"), Fault::Call(CallFault::Reset), 1))
            .unwrap();
        let of_call = |of: &str, of_key: &str| {
            let taken = injector.of_call(&bucket(of), &key(of_key));
            taken.map(|injected| injected.fault)
        };

        assert_eq!(of_call("two", "a"), None, "another bucket");
        assert!(injector.of_upload(&bucket("one"), &key("a")).is_none());
        // The oldest first, and then the next that means this key.
        assert_eq!(of_call("one", "b"), Some(CallFault::Refuse));
        assert_eq!(of_call("one", "a"), Some(CallFault::Refuse));
        assert_eq!(of_call("one", "b"), None);
        assert_eq!(of_call("one", "a"), Some(CallFault::Reset));
        assert_eq!(of_call("one", "a"), None);
        let left: Vec<u32> = injector.list(None).iter().map(|fault| fault.left).collect();
        assert_eq!(left, [0, 0]);
        assert!(injector.drop_one(first.id) && !injector.drop_one(first.id));
        injector.drop_all(Some(&bucket("one")));
        assert!(injector.list(None).is_empty());
    }

    #[test]
    fn many_who_ask_at_once_get_no_more_than_was_ordered() {
        let injector = Arc::new(Injector::default());
        let full = Fault::Upload(UploadFault::DiskFull);
        injector.order(order("one", None, full, 1000)).unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (injector, taken) = (Arc::clone(&injector), Arc::clone(&taken));
                std::thread::spawn(move || {
                    for _ in 0..500 {
                        if injector.of_upload(&bucket("one"), &key("a")).is_some() {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(taken.load(Ordering::Relaxed), 1000);
    }

    #[test]
    fn a_bucket_has_so_many_and_what_is_done_makes_room() {
        let injector = Injector::default();
        let order = |of: &str| injector.order(order(of, None, Fault::Call(CallFault::Twice), 1));
        for _ in 0..MOST_FAULTS {
            order("one").unwrap();
        }
        assert_eq!(order("one"), Err(TooManyFaults));
        order("two").expect("another bucket has room of its own");
        injector.of_call(&bucket("one"), &key("a")).unwrap();
        order("one").unwrap();
        assert_eq!(order("one"), Err(TooManyFaults));
        assert_eq!(injector.list(Some(&bucket("one"))).len(), MOST_FAULTS);
    }
}
