//! A store in a folder of its own, and what the tests put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use tempfile::TempDir;
use upcall::name::{BucketName, ETag, ObjectKey};
use upcall_store::blobs::{BlobError, BlobFacts, BlobId, BlobPlace, Draft};
use upcall_store::catalog::{
    BucketAcl, BucketFacts, Catalog, ListObjects, ObjectAcl, ObjectFacts, Overwrite, Precondition,
    StoredHeaders, Writer,
};
use upcall_store::contract::Ports;
use upcall_store::{EmbeddedStore, StoreOptions};

/// An open store; its folder goes when the test is over.
pub(crate) struct TestStore {
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) folder: TempDir,
}

impl TestStore {
    pub(crate) fn open() -> Self {
        Self::open_with(StoreOptions::default())
    }

    /// Every object is a file of its own.
    pub(crate) fn with_files() -> Self {
        Self::open_with(StoreOptions {
            small_bytes: 0,
            ..StoreOptions::default()
        })
    }

    pub(crate) fn open_with(options: StoreOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(EmbeddedStore::open_with(folder.path(), options).unwrap());
        Self { store, folder }
    }

    pub(crate) fn ports(&self) -> Ports {
        ports(&self.store)
    }
}

pub(crate) fn ports(store: &Arc<EmbeddedStore>) -> Ports {
    let settled = Arc::clone(store);
    Ports {
        catalog: store.catalog(),
        blobs: store.blobs(),
        settle: Arc::new(move || {
            settled.settle();
        }),
    }
}

/// The names of all blobs' files, whoever they belong to.
pub(crate) fn blob_files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for shard in std::fs::read_dir(folder.join("blobs")).unwrap() {
        for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            names.push(file.unwrap().file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}

pub(crate) fn blob_path(folder: &Path, id: &str) -> PathBuf {
    folder.join("blobs").join(&id[30..]).join(id)
}

pub(crate) async fn make_bucket(catalog: &dyn Catalog) -> BucketName {
    let facts = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: BucketName::parse("photos").unwrap(),
        acl: BucketAcl::Private,
        cors: None,
        owner: "owner".to_owned(),
        created: Timestamp::UNIX_EPOCH,
    };
    catalog
        .create_bucket(&facts, &Writer::Operator)
        .await
        .unwrap();
    facts.name
}

/// What is to be known of these bytes; the blob comes with the draft.
pub(crate) fn object(bucket: &BucketName, key: &str, bytes: &[u8]) -> ObjectFacts {
    ObjectFacts {
        bucket: bucket.clone(),
        key: ObjectKey::parse(key).unwrap(),
        blob: BlobId::new(),
        place: BlobPlace::default(),
        length: bytes.len() as u64,
        etag: ETag::from_md5(Md5::digest(bytes).into()),
        crc64: crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes),
        content_type: "text/plain".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Default,
        storage_class: "Standard".to_owned(),
        modified: Timestamp::UNIX_EPOCH,
    }
}

pub(crate) async fn draft(store: &EmbeddedStore, object: &mut ObjectFacts, bytes: &[u8]) -> Draft {
    try_draft(store, object, bytes).await.unwrap()
}

async fn try_draft(
    store: &EmbeddedStore,
    object: &mut ObjectFacts,
    bytes: &[u8],
) -> Result<Draft, BlobError> {
    let mut draft = store.blobs().begin(0).await?;
    object.blob = draft.id();
    let facts = BlobFacts {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        length: object.length,
        md5: *object.etag.md5(),
        crc64: object.crc64,
        content_type: object.content_type.clone(),
        headers: object.headers.clone(),
        metadata: object.metadata.clone(),
        acl: object.acl,
        storage_class: object.storage_class.clone(),
        modified: object.modified,
    };
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    draft.write(vec![Bytes::copy_from_slice(half)]).await?;
    let rest = vec![Bytes::copy_from_slice(rest)];
    draft.finish(rest, facts).await?;
    Ok(draft)
}

/// An upload that may fail, and why.
pub(crate) async fn try_put(
    store: &EmbeddedStore,
    bucket: &BucketName,
    key: &str,
    bytes: &[u8],
) -> Result<(), String> {
    let mut object = object(bucket, key, bytes);
    let draft = try_draft(store, &mut object, bytes).await;
    let draft = draft.map_err(|error| format!("{error:?}"))?;
    let catalog = store.catalog();
    let committed = catalog
        .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
        .await;
    let replaced = committed.map_err(|error| format!("{error:?}"))?;
    draft.keep();
    if let Some(replaced) = replaced {
        store.blobs().give_up(&replaced);
    }
    Ok(())
}

/// An upload, as the server does it; the object as the catalog has it then.
pub(crate) async fn put(
    store: &EmbeddedStore,
    bucket: &BucketName,
    key: &str,
    bytes: &[u8],
) -> ObjectFacts {
    let mut object = object(bucket, key, bytes);
    let draft = draft(store, &mut object, bytes).await;
    let replaced = store
        .catalog()
        .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
        .await
        .unwrap();
    draft.keep();
    if let Some(replaced) = replaced {
        store.blobs().give_up(&replaced);
    }
    let found = store.catalog().object(bucket, &object.key).await;
    // Somebody else may have been faster.
    found.unwrap().unwrap_or(object)
}

/// The bytes of an object.
pub(crate) async fn read(
    store: &EmbeddedStore,
    object: &ObjectFacts,
) -> Result<Vec<u8>, BlobError> {
    let mut reader = store.blobs().read(object, 0..object.length).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Every object of a bucket.
pub(crate) async fn list(catalog: &dyn Catalog, bucket: &BucketName) -> Vec<ObjectFacts> {
    let mut request = ListObjects {
        bucket: bucket.clone(),
        prefix: String::new(),
        marker: String::new(),
        delimiter: None,
        max_keys: ListObjects::MAX_KEYS,
    };
    let mut objects = Vec::new();
    loop {
        let page = catalog.list_objects(&request).await.unwrap();
        objects.extend(page.objects);
        match page.next_marker {
            Some(next) => request.marker = next,
            None => return objects,
        }
    }
}

/// What a variable of the environment says, or the usual.
pub(crate) fn number_from(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}
