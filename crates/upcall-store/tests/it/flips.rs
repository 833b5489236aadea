//! One flipped bit anywhere in a closed store: it opens, or says why not; what is read is right, or an
//! error; and nothing is listed that was not there.
//!
//! `UPCALL_STORE_FLIPS` sets how many bits, `UPCALL_STORE_SEED` which.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use upcall::name::BucketName;
use upcall_store::catalog::{ListObjects, ObjectFacts, Writer};
use upcall_store::contract::Random;
use upcall_store::disk::SystemDisk;
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::fixture::copy_folder;
use crate::power::{fast_folder, options};
use crate::store::{list, make_bucket, number_from, object, put, read};

#[test]
fn a_flipped_bit_is_an_error_and_never_a_wrong_answer() {
    let flips = number_from("UPCALL_STORE_FLIPS", 300);
    let mut random = Random::new(number_from("UPCALL_STORE_SEED", 1));
    let base = fast_folder();
    let whole = base.path().join("whole");
    let written = write(&whole);
    let files = files_of(&whole);
    let mut seen = Seen::default();
    for flip in 0..flips {
        let folder = base.path().join(flip.to_string());
        copy_folder(&whole, &folder);
        // The log, the catalog and the files in turn; they differ in size.
        let kind = ["log", "catalog.sqlite", "blobs"][random.below(3)];
        let of_kind: Vec<_> = files.iter().filter(|file| file.starts_with(kind)).collect();
        let file = folder.join(random.pick(&of_kind));
        let bit = flip_a_bit(&file, &mut random);
        let flipped = format!("flip {flip}: bit {bit} of {}", file.display());
        compare(&folder, &written, &flipped, &mut seen);
        fs::remove_dir_all(folder).unwrap();
    }
    assert!(seen.errors > 0 && seen.right > 0, "{seen:?} proves little");
}

/// What reads gave.
#[derive(Debug, Default)]
struct Seen {
    refused: u64,
    errors: u64,
    right: u64,
    missing: u64,
}

type Written = BTreeMap<String, (ObjectFacts, Vec<u8>)>;

/// A store in which objects of all kinds are, were replaced and were deleted; closed.
fn write(folder: &Path) -> Written {
    let store = EmbeddedStore::open_with(folder, quiet()).unwrap();
    let written = runtime().block_on(async {
        let bucket = make_bucket(store.catalog().as_ref()).await;
        for round in 0..3_usize {
            for place in 0..24_usize {
                let size = [100, 3_000, 70_000, 270_000][place % 4];
                let seed = (place << 8 | round).to_le_bytes();
                let bytes: Vec<u8> = seed.into_iter().cycle().take(size).collect();
                put(&store, &bucket, &format!("key/{place}"), &bytes).await;
            }
            for place in [3, 8, 13] {
                let key = upcall::name::ObjectKey::parse(&format!("key/{place}")).unwrap();
                let deleted = store
                    .catalog()
                    .delete_object(&bucket, &key, &Writer::Operator)
                    .await
                    .unwrap();
                store.blobs().give_up(&deleted.expect("it was there"));
            }
        }
        let mut written = Written::new();
        for found in list(store.catalog().as_ref(), &bucket).await {
            let bytes = read(&store, &found).await.unwrap();
            written.insert(found.key.to_string(), (found, bytes));
        }
        written
    });
    store.settle();
    store.close();
    assert_eq!(written.len(), 21);
    written
}

fn compare(folder: &Path, written: &Written, flipped: &str, seen: &mut Seen) {
    let Ok(store) = EmbeddedStore::open_with(folder, quiet()) else {
        seen.refused += 1;
        return;
    };
    let store = Arc::new(store);
    runtime().block_on(async {
        let bucket = BucketName::parse("photos").unwrap();
        let request = ListObjects {
            bucket: bucket.clone(),
            prefix: String::new(),
            marker: String::new(),
            delimiter: None,
            max_keys: 1000,
        };
        if let Ok(page) = store.catalog().list_objects(&request).await {
            for found in page.objects {
                let (expected, _) = written
                    .get(found.key.as_str())
                    .unwrap_or_else(|| panic!("{flipped}: {found:?} is listed"));
                assert_eq!(&found, expected, "{flipped}");
            }
        }
        for (expected, bytes) in written.values() {
            match store.catalog().object(&bucket, &expected.key).await {
                Err(_) => seen.errors += 1,
                // A row that SQLite does not find where it should be; nobody can tell.
                Ok(None) => seen.missing += 1,
                Ok(Some(found)) => {
                    assert_eq!(&found, expected, "{flipped}");
                    if let Ok(facts) = store.blobs().facts(&found).await {
                        let expected = object(&bucket, found.key.as_str(), bytes);
                        assert_eq!(facts.length, found.length, "{flipped}");
                        assert_eq!((facts.bucket, facts.key), (expected.bucket, expected.key));
                        assert_eq!(facts.md5, *expected.etag.md5(), "{flipped}");
                        assert_eq!(facts.crc64, expected.crc64, "{flipped}");
                    }
                    match read(&store, &found).await {
                        Err(_) => seen.errors += 1,
                        Ok(found) => {
                            assert!(found == *bytes, "{flipped}: {expected:?} has other bytes");
                            seen.right += 1;
                        }
                    }
                }
            }
        }
    });
    store.settle();
}

fn flip_a_bit(file: &Path, random: &mut Random) -> u64 {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    let length = file.metadata().unwrap().len();
    let bit = random.next() % (length * 8);
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, bit / 8).unwrap();
    bit
}

/// Every file, from the folder on.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn quiet() -> StoreOptions {
    options(Arc::new(SystemDisk))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}
