//! A disk that is full: a file system of 16 MiB, filled through the server.
//!
//! Uploads are refused in a sentence, everything else goes on; and when things were deleted, uploads are
//! taken again, without anybody's doing. Mounting takes root; who is not is told that this was left out.
#![expect(
    clippy::print_stdout,
    reason = "who runs it should see what was left out"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use crate::http::{Answer, ask, get};
use crate::program::Upcall;

#[test]
fn a_full_disk_refuses_uploads_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let data = disk.folder().join("data");
    let serve = Upcall::serve_open(&data);
    let address = serve.address("storage");
    let mut kept = BTreeMap::new();
    // Files of their own; then only what is in the log, whose room comes back by rewriting; then both.
    for sizes in [
        &[1_500_000][..],
        &[40_000, 150_000],
        &[5_000, 700_000, 2_000_000],
    ] {
        fill(address, sizes, &mut kept);
        for (key, bytes) in &kept {
            let answer = get(address, &format!("/open/{key}"));
            assert_eq!((answer.status, answer.body.len()), (200, *bytes), "{key}");
        }
        // Every second one, so that what stays is spread over everything.
        let all: Vec<String> = kept.keys().cloned().collect();
        for key in all.into_iter().step_by(2) {
            let answer = ask(address, &format!("DELETE /open/{key}"), "", b"");
            assert_eq!(answer.status, 204, "{key}: {}", answer.body);
            kept.remove(&key);
        }
        takes_again(address, &mut kept);
        for (key, bytes) in &kept {
            assert_eq!(
                get(address, &format!("/open/{key}")).body.len(),
                *bytes,
                "{key}"
            );
        }
    }
    let log = serve.stop().stderr;
    assert!(!log.contains("panicked"), "{log}");
    let report = Upcall::new(&["fsck", "--json"]).data(&data).run();
    let report = report.done_json();
    assert_eq!(report["damaged"], 0);
    assert_eq!(report["objects"], kept.len());
}

#[test]
fn what_is_to_stay_free_stays_free() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let data = disk.folder().join("data");
    let serve = Upcall::serve(&data).and(&["--min-free", "6MiB"]).start();
    let create = ["bucket", "create", "open", "--acl", "public-read-write"];
    Upcall::new(&create).data(&data).run().done();
    let address = serve.address("storage");
    let mut kept = BTreeMap::new();

    fill(address, &[300_000], &mut kept);
    let bytes: usize = kept.values().sum();
    assert!((3_000_000..9_000_000).contains(&bytes), "{bytes}");
    for key in kept.keys().take(kept.len() / 2) {
        ask(address, &format!("DELETE /open/{key}"), "", b"");
    }
    takes_again(address, &mut BTreeMap::new());
}

/// Uploads from several clients until all of them are refused.
fn fill(address: &str, sizes: &[usize], kept: &mut BTreeMap<String, usize>) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let done = std::thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|_| {
            scope.spawn(move || {
                let (mut done, mut refused) = (Vec::new(), 0);
                // What others have half there goes when they are refused, and leaves room.
                while refused < 10 {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let (key, bytes) = (format!("k{number}"), sizes[number % sizes.len()]);
                    let answer = put(address, &key, bytes);
                    if answer.status == 200 {
                        done.push((key, bytes));
                        refused = 0;
                    } else {
                        assert_is_refused(&answer);
                        refused += 1;
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
                done
            })
        });
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(done.len() > 2, "{done:?}");
    kept.extend(done);
}

fn assert_is_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    let body = &answer.body;
    for part in [
        "<Code>ServiceUnavailable</Code>",
        "<Message>The server is out of storage space.</Message>",
        "nothing was stored; try again when the operator has made space",
    ] {
        assert!(body.contains(part), "{body}");
    }
}

/// Uploads succeed again within seconds.
fn takes_again(address: &str, kept: &mut BTreeMap<String, usize>) {
    let since = Instant::now();
    for bytes in [100_000, 1_200_000] {
        let key = format!("again{bytes}");
        loop {
            let answer = put(address, &key, bytes);
            if answer.status == 200 {
                break;
            }
            assert_is_refused(&answer);
            assert!(since.elapsed() < SECONDS, "no upload for {SECONDS:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        kept.insert(key, bytes);
    }
    println!("uploads are taken again after {:?}", since.elapsed());
}

fn put(address: &str, key: &str, bytes: usize) -> Answer {
    ask(address, &format!("PUT /open/{key}"), "", &vec![b'x'; bytes])
}

/// A file system of its own, until it is dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// On a loop device, as a disk is; in memory where there are no such devices; nothing where
    /// nobody may mount.
    fn mount() -> Option<Self> {
        let folder = tempdir().unwrap();
        let (image, at) = (folder.path().join("image"), folder.path().join("disk"));
        std::fs::create_dir(&at).unwrap();
        std::fs::File::create(&image)
            .unwrap()
            .set_len(DISK_BYTES)
            .unwrap();
        let disk = Self { folder };
        let size = format!("size={DISK_BYTES}");
        let is_mounted = (done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))
            && done(
                Command::new("mount")
                    .args(["-o", "loop"])
                    .args([&image, &at]),
            ))
            || done(
                Command::new("mount")
                    .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                    .arg(&at),
            );
        if !is_mounted {
            println!("skipped: only root may mount a file system of 16 MiB");
            // There is nothing to take off again.
            std::fs::remove_dir(at).unwrap();
            return None;
        }
        Some(disk)
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("disk")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.folder().exists() {
            done(Command::new("umount").arg(self.folder()));
        }
    }
}

fn done(command: &mut Command) -> bool {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

const DISK_BYTES: u64 = 16 << 20;
/// So many that they overtake a look at the disk that is a moment old.
const CLIENTS: usize = 6;
const SECONDS: Duration = Duration::from_secs(15);
