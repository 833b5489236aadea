//! Many uploads at once against plain digests; uploads that break off; the end.

use std::time::{Duration, Instant};

use super::*;

/// A file in batches of pieces, all of lengths that `seed` decides, and what it should come to.
struct File {
    batches: Vec<Vec<Bytes>>,
    last: Vec<Bytes>,
    expected: ([u8; 16], u64),
}

impl File {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut plain = Digests::default();
        let mut batch = |random: &mut Random| {
            let pieces = random.below(7);
            let mut piece = |_| {
                let most = [70, 2000, 20_000, 100_000][random.below(4)];
                let bytes: Vec<u8> = (0..random.below(most))
                    .map(|_| random.next().to_le_bytes()[5])
                    .collect();
                plain.update(&bytes);
                Bytes::from(bytes)
            };
            (0..pieces).map(&mut piece).collect::<Vec<_>>()
        };
        let count = random.below(6);
        let batches = (0..count).map(|_| batch(&mut random)).collect();
        let last = batch(&mut random);
        Self {
            batches,
            last,
            expected: plain.finish(),
        }
    }

    async fn hash(&self, hasher: &Hasher) -> ([u8; 16], u64) {
        let mut hashing = hasher.begin();
        for batch in &self.batches {
            hashing.add(batch.clone()).await.unwrap();
        }
        hashing.finish(&self.last).await.unwrap().finish()
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }
}

fn piece(bytes: usize) -> Vec<Bytes> {
    vec![Bytes::from(vec![7; bytes])]
}

/// Waits for what other threads do.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_files_at_once_have_the_digests_that_each_has_alone() {
    for workers in 1..=3 {
        let hasher = Arc::new(Hasher::with_workers(workers).unwrap());
        let mut uploads = tokio::task::JoinSet::new();
        for upload in 0..40 {
            let hasher = Arc::clone(&hasher);
            uploads.spawn(async move {
                for number in 0..6 {
                    let file = File::new(upload * 1000 + number);
                    assert_eq!(file.hash(&hasher).await, file.expected, "{upload} {number}");
                }
            });
        }
        uploads.join_all().await;
        // A thread says what is done when it asks for more.
        until("the hasher is idle", || hasher.queue.load() == (0, 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_digest_that_is_back_may_leave_again_at_once() {
    let hasher = Hasher::with_workers(2).unwrap();
    let mut hashing = hasher.begin();
    let mut plain = Digests::default();
    for _ in 0..20_000 {
        hashing.add(piece(65)).await.unwrap();
        plain.update(&[7; 65]);
    }
    let found = hashing.finish(&[]).await.unwrap();
    assert_eq!(found.finish(), plain.finish());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_that_waits() {
    // No thread takes anything: what is not let go of stays.
    let hasher = Hasher::with_workers(0).unwrap();
    let memory = Bytes::from(vec![7; 100_000]);
    let mut hashing = hasher.begin();
    hashing.add(vec![memory.clone()]).await.unwrap();
    hashing.add(vec![memory.clone()]).await.unwrap();
    let third = hashing.add(vec![memory.clone()]);
    let waited = tokio::time::timeout(Duration::from_millis(20), third).await;
    assert!(waited.is_err(), "a third batch was taken");
    assert_eq!(hasher.queue.load(), (1, 0));
    assert!(!memory.is_unique());

    drop(hashing);

    assert_eq!(hasher.queue.load(), (0, 0));
    assert!(memory.is_unique(), "somebody holds the bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_that_break_off_anywhere_disturb_nobody() {
    let hasher = Arc::new(Hasher::with_workers(2).unwrap());
    let memory = Bytes::from(vec![7; 100_000]);
    let mut uploads = tokio::task::JoinSet::new();
    for upload in 0..200_u64 {
        let (hasher, memory) = (Arc::clone(&hasher), memory.clone());
        uploads.spawn(async move {
            let file = File::new(upload);
            let broken = async {
                let mut hashing = hasher.begin();
                for _ in 0..20 {
                    hashing.add(vec![memory.clone()]).await.unwrap();
                }
                hashing.finish(std::slice::from_ref(&memory)).await.unwrap();
            };
            let time = Duration::from_micros(upload * 97 % 5000);
            let _ = tokio::time::timeout(time, broken).await;
            assert_eq!(file.hash(&hasher).await, file.expected, "{upload}");
        });
    }
    uploads.join_all().await;
    until("the hasher is idle", || hasher.queue.load() == (0, 0)).await;
    until("the bytes are free", || memory.is_unique()).await;
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end_and_nothing_begins_after() {
    let hasher = Hasher::with_workers(1).unwrap();
    let mut expected = Digests::default();
    expected.update(&vec![7; 3_000_000]);
    let mut hashing = Vec::new();
    for _ in 0..20 {
        let mut one = hasher.begin();
        one.add(piece(1_500_000)).await.unwrap();
        one.add(piece(1_500_000)).await.unwrap();
        hashing.push(one);
    }
    let mut late = hasher.begin();

    hasher.stop();

    for one in hashing {
        let found = one.finish(&[]).await.unwrap();
        assert_eq!(found.finish(), expected.clone().finish());
    }
    assert!(late.add(piece(10)).await.is_err());
    assert!(late.finish(&[]).await.is_err());
    let short = hasher.begin().finish(&piece(10)).await;
    assert!(short.is_ok(), "short files need no thread");
}

#[tokio::test]
async fn who_waits_for_a_thread_that_broke_is_told() {
    let hasher = Hasher::with_workers(0).unwrap();
    let mut hashing = hasher.begin();
    hashing.add(piece(10)).await.unwrap();
    let waiting = hashing.finish(&[]);
    hasher.queue.close_at_once();
    let told = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(told.expect("the upload waits on").is_err());
    assert!(hasher.begin().add(piece(10)).await.is_err());
}

#[tokio::test]
async fn a_hasher_that_is_dropped_ends_its_threads() {
    let hasher = Hasher::with_workers(3).unwrap();
    hasher.begin().finish(&piece(100_000)).await.unwrap();
    let queue = Arc::downgrade(&hasher.queue);
    drop(hasher);
    assert!(queue.upgrade().is_none(), "a thread holds its queue");
}
