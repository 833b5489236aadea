//! Power cuts: after every flush, and at random moments. What was acknowledged is there and right,
//! what was not is there wholly or not at all, and nothing is left lying about.
//!
//! A history has many lives. In each the store is opened on what the life before has left, everything
//! is compared, and several tasks go on until the next cut. Some lives end with the process alone; what
//! was not flushed then is lost with the next cut.
//!
//! `UPCALL_STORE_CUTS` sets how many lives, `UPCALL_STORE_SEED` the first one's seed. A failure prints
//! the seed; the threads' order is the system's, so it may take some runs to be seen again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use upcall_store::catalog::ObjectFacts;
use upcall_store::contract::{Broken, Ledger, Life, OnError, Random, check, drive};
use upcall_store::disk::{Cut, Disk, FaultyDisk, Lie, PowerDisk, SystemDisk};
use upcall_store::{EmbeddedStore, Sabotage, StoreOptions};

use crate::store::{blob_files, number_from, ports};

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let seed = number_from("UPCALL_STORE_SEED", 1);
    let cuts = number_from("UPCALL_STORE_CUTS", 150);
    let mut history = History::begin(seed, Broke::default());
    for _ in 0..cuts {
        if let Err(broken) = history.live() {
            panic!("UPCALL_STORE_SEED={seed}, life {}: {broken}", history.lives);
        }
    }
    let answers = history.ledger.answers();
    assert!(answers > cuts * 10, "{answers} answers prove little");
}

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Broke {
    pub(crate) lie: Lie,
    pub(crate) sabotage: Option<Sabotage>,
}

/// Many lives of one data directory.
pub(crate) struct History {
    base: TempDir,
    pub(crate) ledger: Arc<Ledger>,
    random: Random,
    seed: u64,
    broke: Broke,
    pub(crate) lives: u64,
    folder: PathBuf,
    /// What a dead process left, if the last life ended so.
    left: Option<PowerDisk>,
}

impl History {
    pub(crate) fn begin(seed: u64, broke: Broke) -> Self {
        let base = fast_folder();
        Self {
            folder: base.path().join("0"),
            base,
            ledger: Arc::default(),
            random: Random::new(seed),
            seed,
            broke,
            lives: 0,
            left: None,
        }
    }

    /// One life, and the end of it.
    pub(crate) fn live(&mut self) -> Result<(), Broken> {
        self.lives += 1;
        let aside = self.base.path().join("aside").join(self.lives.to_string());
        let disk = self.left.take();
        let disk = disk.unwrap_or_else(|| PowerDisk::new(&self.folder, &aside));
        let alarm = self.set_cut(&disk);
        let lived = self.run(&disk);
        disk.cut();
        if let Some(alarm) = alarm {
            alarm.join().expect("an alarm only waits");
        }
        lived?;
        let next = self.base.path().join(self.lives.to_string());
        if self.random.below(5) == 0 {
            self.left = Some(
                disk.after_crash(&next, &aside.with_extension("next"))
                    .unwrap(),
            );
        } else {
            disk.after_cut(&next, self.random.next()).unwrap();
        }
        let gone = std::mem::replace(&mut self.folder, next);
        let _ = std::fs::remove_dir_all(gone);
        if self.left.is_none() {
            // Nobody can bring back what was removed before the cut.
            let _ = std::fs::remove_dir_all(self.base.path().join("aside"));
            self.look()?;
        }
        Ok(())
    }

    /// Before and after flush after flush; and every other life at a flush far in, or at any moment.
    fn set_cut(&mut self, disk: &PowerDisk) -> Option<std::thread::JoinHandle<()>> {
        let far = 1 + self.random.next() % 800;
        let flush = match self.lives % 8 {
            0 | 2 | 4 | 6 => 1 + self.lives / 4,
            _ => far,
        };
        let flush = disk.syncs() + flush;
        match self.lives % 8 {
            0 | 4 | 5 => disk.cut_at(Cut::After(flush)),
            1 | 2 | 6 => disk.cut_at(Cut::Before(flush)),
            _ => {
                let moment = Duration::from_micros(self.random.next() % 150_000);
                let disk = disk.clone();
                return Some(std::thread::spawn(move || {
                    // The moment is the test's input; nothing is waited for.
                    std::thread::sleep(moment);
                    disk.cut();
                }));
            }
        }
        None
    }

    /// Opens the store, compares, and goes on until the power is gone.
    fn run(&mut self, disk: &PowerDisk) -> Result<(), Broken> {
        let beneath: Arc<dyn Disk> = Arc::new(disk.clone());
        let lying = FaultyDisk::lying(beneath, self.broke.lie);
        let mut options = options(Arc::new(lying));
        if let Some(sabotage) = self.broke.sabotage {
            options.sabotage = sabotage.into();
        }
        let store = match EmbeddedStore::open_with(&self.folder, options) {
            Ok(store) => Arc::new(store),
            Err(_) if disk.is_cut() => return Ok(()),
            Err(error) => return Err(Broken(format!("the store does not open: {error:?}"))),
        };
        let powered = disk.clone();
        let life = Life {
            ports: ports(&store),
            ledger: Arc::clone(&self.ledger),
            is_over: Arc::new(move || powered.is_cut()),
            on_error: OnError::Broken,
            seed: self.seed ^ (self.lives << 40),
            operations: 400,
        };
        // A sweep meets uploads that are under way.
        let sweeping = Arc::clone(&store);
        let swept = disk.clone();
        let sweeper = std::thread::spawn(move || {
            while !swept.is_cut() {
                sweeping.sweep();
                std::thread::sleep(Duration::from_millis(7));
            }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let lived = runtime.block_on(async {
            check(&life).await?;
            drive(&life).await
        });
        disk.cut();
        sweeper.join().expect("a sweeper only sweeps");
        drop(life);
        drop(runtime);
        drop(store);
        lived
    }

    /// Opens what the power has left on an honest disk, compares, and looks for what is too much.
    fn look(&self) -> Result<(), Broken> {
        // Torn or half, it would be in the way of a rebuild.
        buckets_in_backup(&self.folder)?;
        let options = options(Arc::new(SystemDisk));
        let store = EmbeddedStore::open_with(&self.folder, options)
            .map_err(|error| Broken(format!("the store does not open: {error:?}")))?;
        let store = Arc::new(store);
        let life = Life {
            ports: ports(&store),
            ledger: Arc::clone(&self.ledger),
            is_over: Arc::new(|| false),
            on_error: OnError::Broken,
            seed: self.seed,
            operations: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        let objects = runtime.block_on(check(&life))?;
        runtime.block_on(backup_is_the_catalog(&self.folder, &store))?;
        store.settle();
        nothing_is_too_much(&self.folder, &objects)
    }
}

/// The buckets of `buckets.json`, and who may read them; none if there is no such file.
pub(crate) fn buckets_in_backup(folder: &Path) -> Result<BTreeMap<String, String>, Broken> {
    let json = match std::fs::read(folder.join("buckets.json")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.unwrap(),
    };
    let broken = || {
        Broken(format!(
            "`buckets.json` is {:?}",
            json.escape_ascii().to_string()
        ))
    };
    let buckets: serde_json::Value = serde_json::from_slice(&json).map_err(|_| broken())?;
    let buckets = buckets.as_array().ok_or_else(broken)?.iter();
    buckets
        .map(|bucket| Some((text(&bucket["name"])?, text(&bucket["acl"])?)))
        .collect::<Option<_>>()
        .ok_or_else(broken)
}

fn text(value: &serde_json::Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The settings that a rebuilt catalog would have are those that this one has.
pub(crate) async fn backup_is_the_catalog(
    folder: &Path,
    store: &EmbeddedStore,
) -> Result<(), Broken> {
    let buckets = store.catalog().buckets().await.unwrap();
    let buckets = buckets
        .iter()
        .map(|facts| (facts.name.to_string(), facts.acl.as_str().to_owned()))
        .collect();
    let backup = buckets_in_backup(folder)?;
    if backup != buckets {
        return Err(Broken(format!(
            "`buckets.json` has {backup:?}, not {buckets:?}"
        )));
    }
    Ok(())
}

/// No file without an object, and a log that is not much longer than what counts in it.
pub(crate) fn nothing_is_too_much(folder: &Path, objects: &[ObjectFacts]) -> Result<(), Broken> {
    let mut wanted: Vec<String> = objects
        .iter()
        .filter(|facts| facts.length > SMALL)
        .map(|facts| facts.blob.to_string())
        .collect();
    wanted.sort();
    let found = blob_files(folder);
    if found != wanted {
        return Err(Broken(format!("files are {found:?}, not {wanted:?}")));
    }
    let small = objects.iter().filter(|facts| facts.length <= SMALL);
    let alive: u64 = small.map(|facts| facts.length + 600).sum();
    let log: u64 = std::fs::read_dir(folder.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    // A fourth on top and 1 MiB are tolerated; the last segment gives nothing back.
    let most = alive + alive / 4 + (3 << 20);
    if log > most {
        return Err(Broken(format!("the log has {log} bytes for {alive}")));
    }
    Ok(())
}

/// Half of what is uploaded is small, and the collector is at work all the time.
pub(crate) fn options(disk: Arc<dyn Disk>) -> StoreOptions {
    StoreOptions {
        min_free: Some(0),
        small_bytes: SMALL,
        collector_interval: Duration::from_millis(3),
        disk,
        ..StoreOptions::default()
    }
}

pub(crate) const SMALL: u64 = 60_000;

/// In memory, if the system has a place there: what SQLite flushes costs nothing then.
pub(crate) fn fast_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}
