//! A data directory that an older program wrote, read by this one.
//!
//! `tests/fixtures/format-1` was written by the first program that had this format, and is never
//! written again: whoever changes the format adds a directory beside it, with [`make`].

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall_store::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, Cors, CorsRule, ObjectAcl, ObjectFacts, Overwrite,
    Precondition, StoredHeaders, Writer,
};
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::store::{blob_files, draft, list, object, read};

#[tokio::test]
async fn a_directory_of_format_1_is_read() {
    assert_eq!(read_all("format-1").await, 3, "each has a file");
}

#[tokio::test]
async fn a_directory_of_format_2_is_read() {
    assert_eq!(read_all("format-2").await, 2, "the empty one is in the log");
}

/// How many files of blobs the fixture has, after everything in it was found.
async fn read_all(name: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    copy_folder(&fixtures().join(name), &copy);

    let store = EmbeddedStore::open(&copy).unwrap();
    let catalog = store.catalog();
    let buckets = catalog.buckets().await.unwrap();
    let expected = buckets_of_the_fixture();
    assert_eq!(buckets, expected.map(Arc::new));
    let key = key_of_the_fixture();
    let found = catalog.access_key(&key.id).await.unwrap().unwrap();
    assert_eq!(found.secret, key.secret);
    assert_eq!(
        (found.created, &found.description),
        (key.created, &key.description)
    );

    let objects = list(catalog.as_ref(), &buckets[1].name).await;
    assert_eq!(objects.len(), 3);
    for ((expected, bytes), found) in objects_of_the_fixture().into_iter().zip(&objects) {
        let (blob, place) = (found.blob, found.place);
        let expected = ObjectFacts {
            blob,
            place,
            ..expected
        };
        assert_eq!(*found, expected);
        assert_eq!(read(&store, found).await.unwrap(), bytes);
        let facts = store.blobs().facts(found).await.unwrap();
        assert_eq!((&facts.bucket, &facts.key), (&found.bucket, &found.key));
        assert_eq!((facts.length, facts.crc64), (found.length, found.crc64));
        assert_eq!(facts.md5, *found.etag.md5());
        assert_eq!(facts.content_type, found.content_type);
        assert_eq!(
            (&facts.headers, &facts.metadata),
            (&found.headers, &found.metadata)
        );
        assert_eq!(
            (facts.acl, &facts.storage_class),
            (found.acl, &found.storage_class)
        );
        assert_eq!(facts.modified, found.modified);
    }
    assert_eq!(store.settle(), 0);
    blob_files(&copy).len()
}

/// `UPCALL_STORE_FIXTURE=tests/fixtures/format-N cargo test -p upcall-store -- --ignored fixture::make`
#[tokio::test]
#[ignore = "writes a fixture, once per format"]
async fn make() {
    let Some(folder) = std::env::var_os("UPCALL_STORE_FIXTURE") else {
        return;
    };
    let folder = PathBuf::from(folder);
    assert!(!folder.exists(), "a fixture is written once");
    // The empty object is small then, and the others are not.
    let options = StoreOptions {
        small_bytes: 42,
        ..StoreOptions::default()
    };
    let store = EmbeddedStore::open_with(&folder, options).unwrap();
    let catalog = store.catalog();
    for bucket in buckets_of_the_fixture() {
        catalog
            .create_bucket(&bucket, &Writer::Operator)
            .await
            .unwrap();
    }
    catalog.put_access_key(&key_of_the_fixture()).await.unwrap();
    for (mut object, bytes) in objects_of_the_fixture() {
        let draft = draft(&store, &mut object, &bytes).await;
        let committed = catalog
            .commit_object(&object, &Precondition::operator(Overwrite::Forbid), None)
            .await;
        committed.unwrap();
        draft.keep();
    }
    tokio::task::spawn_blocking(move || store.close())
        .await
        .unwrap();
}

fn buckets_of_the_fixture() -> [BucketFacts; 2] {
    let rule = CorsRule {
        allowed_origins: vec!["http://127.0.0.1:8701".to_owned(), "*".to_owned()],
        allowed_methods: vec!["POST".to_owned(), "GET".to_owned()],
        allowed_headers: vec!["*".to_owned()],
        expose_headers: vec!["ETag".to_owned()],
        max_age_seconds: Some(600),
    };
    let empty = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: BucketName::parse("empty").unwrap(),
        acl: BucketAcl::Private,
        cors: None,
        owner: "root".to_owned(),
        created: moment(1),
    };
    let photos = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: BucketName::parse("photos").unwrap(),
        acl: BucketAcl::PublicRead,
        cors: Some(Cors {
            rules: vec![rule],
            response_vary: true,
        }),
        ..empty.clone()
    };
    [empty, photos]
}

fn key_of_the_fixture() -> AccessKeyFacts {
    AccessKeyFacts {
        id: AccessKeyId::parse("LTAI5tFixture").unwrap(),
        secret: AccessKeySecret::new("not a secret"),
        created: moment(2),
        description: "for the fixture".to_owned(),
    }
}

/// In the order of their keys.
fn objects_of_the_fixture() -> Vec<(ObjectFacts, Vec<u8>)> {
    let bucket = BucketName::parse("photos").unwrap();
    let text = b"The quick brown fox jumps over the lazy dog".to_vec();
    let mut empty = object(&bucket, "a/empty", b"");
    empty.modified = moment(3);
    let mut full = object(&bucket, "猫/🐈.jpg", &text);
    full.modified = moment(4);
    full.content_type = "image/jpeg".into();
    full.headers = StoredHeaders {
        cache_control: Some("no-cache".to_owned()),
        content_disposition: Some("attachment; filename=\"猫.jpg\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        expires: Some("Wed, 08 Jul 2015 16:57:01 GMT".to_owned()),
    };
    full.metadata = vec![
        ("zeta".to_owned(), "1".to_owned()),
        ("alpha".to_owned(), "“2”".to_owned()),
    ];
    full.acl = ObjectAcl::PublicReadWrite;
    full.storage_class = "IA".into();
    let mut longest = object(&bucket, &"z".repeat(1023), &text);
    longest.modified = moment(5);
    vec![(empty, Vec::new()), (longest, text.clone()), (full, text)]
}

fn moment(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Empty folders are not in the repository; the store makes what is missing.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
