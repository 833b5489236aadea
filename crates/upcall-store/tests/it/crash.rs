//! `kill -9` at random moments: what was acknowledged is there and right, what was not is there
//! wholly or not at all, and nothing is left lying about.
//!
//! The child is this very binary. It uploads, overwrites and deletes from several tasks and says
//! after each answer what it was told; the parent kills it, opens the directory and compares. The
//! [`collector`](crate::collector)'s test has the same child, with longer lives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use upcall::name::{BucketName, ObjectKey};
use upcall_store::blobs::BlobError;
use upcall_store::catalog::{ObjectFacts, Writer};
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::store::{blob_files, draft, list, make_bucket, object, put, read};

/// Set in the child: the data directory.
const CHILD: &str = "UPCALL_STORE_CRASH_DIRECTORY";

/// How many kills; long runs set more.
const KILLS: &str = "UPCALL_STORE_KILLS";

const WORKERS: u64 = 12;
/// Keys of one worker: a few that most uploads overwrite, and some that rest, so that the collector
/// has something to carry over.
const HOT_KEYS: u64 = 6;
const KEYS: u64 = 40;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let kills: u64 =
        std::env::var(KILLS).map_or(20, |count| count.parse().expect("a number of kills"));
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let mut round = 0;
    // On a busy machine many lives end before they have said anything.
    while round < kills || (told.answers <= kills * 5 && round < kills * 5) {
        // From before the store is open to well into the work; the same moments every time.
        let lives = Duration::from_millis(20 + (round * 137) % 400);
        run_and_kill(folder.path(), lives, &mut told);
        compare(folder.path(), &mut told, round);
        round += 1;
    }
    assert!(
        told.answers > kills * 5,
        "only {} answers in {round} lives prove little",
        told.answers
    );
}

/// Half of what is uploaded is small then, and the collector is at work all the time.
pub(crate) fn open(folder: &Path) -> EmbeddedStore {
    let options = StoreOptions {
        small_bytes: SMALL,
        collector_interval: Duration::from_millis(10),
        ..StoreOptions::default()
    };
    EmbeddedStore::open_with(folder, options).unwrap()
}

pub(crate) const SMALL: u64 = 30_000;

/// What became of a key: the number of the upload that it holds.
type State = Option<u64>;

/// What the child said.
#[derive(Default)]
pub(crate) struct Told {
    keys: BTreeMap<String, Key>,
    pub(crate) answers: u64,
}

#[derive(Default)]
struct Key {
    /// What was answered, or seen after a crash.
    known: State,
    /// What was tried since, and may have happened or not.
    tried: Vec<State>,
}

impl Told {
    /// Reads a line: `try` or `done`, `put` or `delete`, the key, the number. One without a line
    /// break was cut; what else there is, the test harness says.
    fn take(&mut self, line: &str) {
        let Some(line) = line.strip_suffix('\n') else {
            return;
        };
        let words: Vec<&str> = line.split(' ').collect();
        let [when @ ("try" | "done"), what, key, number] = words[..] else {
            return;
        };
        let key = self.keys.entry(key.to_owned()).or_default();
        let state = (what == "put").then(|| number.parse().expect("a number"));
        if when == "try" {
            key.tried.push(state);
        } else {
            self.answers += 1;
            key.known = state;
            key.tried.clear();
        }
    }
}

/// One life of the child.
pub(crate) fn run_and_kill(folder: &Path, lives: Duration, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::child", "--nocapture"])
        .env(CHILD, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().expect("it is piped");
    let until = Instant::now() + lives;
    let killer = std::thread::spawn(move || {
        // The one wait that is not for an event: the moment of the kill is the test's input.
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        told.take(&line);
        line.clear();
    }
    let status = killer.join().unwrap();
    assert_eq!(
        status.signal(),
        Some(9),
        "the child ended by itself: {status}"
    );
}

/// Opens the directory as the next start would, and looks at everything.
pub(crate) fn compare(folder: &Path, told: &mut Told, round: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let store = open(folder);
    runtime.unwrap().block_on(async {
        let catalog = store.catalog();
        let bucket = BucketName::parse("photos").unwrap();
        let has_bucket = catalog.bucket(&bucket).await.unwrap().is_some();
        assert!(has_bucket || told.keys.is_empty(), "round {round}");
        let objects = if has_bucket {
            list(catalog.as_ref(), &bucket).await
        } else {
            Vec::new()
        };
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for facts in &objects {
            // Whole, and what its own facts say: also what was never acknowledged.
            let found_now = find_and_read(&store, &bucket, &facts.key).await;
            let (facts, bytes) = found_now.expect("nobody deletes it");
            let number = number_of(&bytes);
            let expected = object(&bucket, facts.key.as_str(), &bytes);
            assert_eq!(bytes, content(facts.key.as_str(), number), "round {round}");
            assert_eq!(
                (facts.etag, facts.crc64, facts.length),
                (expected.etag, expected.crc64, expected.length)
            );
            found.insert(facts.key.to_string(), number);
        }
        for (name, key) in &mut told.keys {
            let found = found.remove(name);
            let is_right = found == key.known || key.tried.contains(&found);
            let (known, tried) = (key.known, &key.tried);
            assert!(
                is_right,
                "round {round}: {name}: {known:?}, then perhaps {tried:?}; {found:?}"
            );
            // What is there after a crash stays.
            key.known = found;
            key.tried.clear();
        }
        assert!(found.is_empty(), "round {round}: nobody uploaded {found:?}");
        store.settle();
        let mut wanted: Vec<String> = objects
            .iter()
            .filter(|facts| facts.length > SMALL)
            .map(blob_of)
            .collect();
        wanted.sort();
        assert_eq!(blob_files(folder), wanted, "round {round}: left over");
    });
    store.close();
}

fn blob_of(facts: &ObjectFacts) -> String {
    facts.blob.to_string()
}

/// From nothing to several batches, and never the same twice.
fn content(key: &str, number: u64) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    let size = usize::try_from(number * 7919 % 60_000).unwrap();
    let mask = bytes[0];
    bytes.extend(key.bytes().cycle().take(size).map(|byte| byte ^ mask));
    bytes
}

fn number_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

#[test]
#[ignore = "runs as a child of what_was_acknowledged_survives_kill_9"]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Arc::new(open(Path::new(&folder)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let catalog = store.catalog();
        let bucket = BucketName::parse("photos").unwrap();
        if catalog.bucket(&bucket).await.unwrap().is_none() {
            make_bucket(catalog.as_ref()).await;
        }
        // A later life begins behind every number of an earlier one.
        let life = Path::new(&folder).join("life");
        let begin = fs::read_to_string(&life).map_or(0, |text| text.parse().unwrap()) + 1_000_000;
        // Under another name first: a kill in between must not leave it empty.
        let half = life.with_extension("new");
        fs::write(&half, u64::to_string(&begin)).unwrap();
        fs::rename(half, life).unwrap();
        (0..WORKERS)
            .map(|worker| work(Arc::clone(&store), bucket.clone(), worker, begin))
            .collect::<tokio::task::JoinSet<()>>()
            .join_all()
            .await
    });
}

/// Three of four are hot.
fn key(worker: u64, number: u64) -> String {
    let mixed = (number.wrapping_mul(WORKERS) + worker).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let of = if mixed.is_multiple_of(4) {
        KEYS
    } else {
        HOT_KEYS
    };
    format!("{worker}/{}", mixed / 4 % of)
}

/// An upload whose client goes away, in the middle or before its commit.
async fn give_up(store: &EmbeddedStore, bucket: &BucketName, key: &str, number: u64) {
    let bytes = content(key, number);
    if number.is_multiple_of(2) {
        drop(draft(store, &mut object(bucket, key, &bytes), &bytes).await);
    } else {
        let mut begun = store.blobs().begin(0).await.unwrap();
        begun.write(vec![bytes.into()]).await.unwrap();
    }
}

/// What was answered is there at once, whatever the collector does to it.
async fn read_back(store: &EmbeddedStore, bucket: &BucketName, key: &str, number: Option<u64>) {
    let found = find_and_read(store, bucket, &ObjectKey::parse(key).unwrap()).await;
    let bytes = found.map(|(_, bytes)| bytes);
    assert_eq!(bytes, number.map(|number| content(key, number)), "{key}");
}

/// An object that nobody else changes, and its bytes. The collector may have moved it between the two;
/// then its place is another one.
async fn find_and_read(
    store: &EmbeddedStore,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Option<(ObjectFacts, Vec<u8>)> {
    let mut last = None;
    loop {
        let found = store.catalog().object(bucket, key).await.unwrap()?;
        match read(store, &found).await {
            Ok(bytes) => {
                let stated = store.blobs().facts(&found).await;
                if let Ok(stated) = stated {
                    assert_eq!((&stated.key, stated.crc64), (key, found.crc64));
                }
                return Some((found, bytes));
            }
            Err(BlobError::Missing { .. }) if last != Some(found.place) => last = Some(found.place),
            Err(error) => panic!("{key}: {error:?}"),
        }
    }
}

/// Until it is killed.
async fn work(store: Arc<EmbeddedStore>, bucket: BucketName, worker: u64, begin: u64) {
    for number in begin.. {
        let key = key(worker, number);
        // Every fifth step deletes.
        let what = if number % 5 == 4 { "delete" } else { "put" };
        say(&format!("try {what} {key} {number}\n"));
        if what == "delete" {
            let key = ObjectKey::parse(&key).unwrap();
            let deleted = store
                .catalog()
                .delete_object(&bucket, &key, &Writer::Operator)
                .await
                .unwrap();
            if let Some(object) = deleted {
                store.blobs().give_up(&object);
            }
        } else {
            put(&store, &bucket, &key, &content(&key, number)).await;
        }
        say(&format!("done {what} {key} {number}\n"));
        if number % 8 == 0 {
            read_back(&store, &bucket, &key, (what == "put").then_some(number)).await;
            give_up(&store, &bucket, &key, number / 8).await;
        }
    }
}

/// One write for the line: a pipe takes it whole or, at the kill, not at all.
fn say(line: &str) {
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}
