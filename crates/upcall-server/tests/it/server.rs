//! A server of one's own: real sockets, own folder, any port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::Timestamp;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ETag};
use upcall_server::callback::{
    CallbackRule, GuardConfig, KeyKeeper, KeyRing, KeyScope, KeyUrl, LookUp, OwnAddresses,
    PortRule, SignerConfig, VouchingRules, WebhookSignatures,
};
use upcall_server::{
    AdminSecret, Clock, ConsoleUrl, FaultInjection, Limits, Node, NodeConfig, SignatureVersions,
    TrustedProxies,
};
use upcall_store::blobs::{BlobFacts, BlobPlace};
use upcall_store::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, CatalogError, ListObjects, ObjectAcl, ObjectFacts,
    Overwrite, Precondition, StoredHeaders, Writer,
};
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::client::{Answer, Client};
use crate::form::Form;

/// Who signs in the tests.
pub(crate) const KEY_ID: &str = "test-key";
/// What they sign with.
pub(crate) const SECRET: &str = "test-secret-of-the-test-key";
/// Opens the admin interface.
pub(crate) const ADMIN: &str = "admin-secret-0123456789";

pub(crate) struct TestServer {
    node: Node,
    store: EmbeddedStore,
    pub(crate) folder: tempfile::TempDir,
}

/// Keeps the keys that follow.
struct KeyFile(PathBuf);

impl KeyFile {
    fn path(&self, scope: &KeyScope) -> PathBuf {
        if *scope == KeyScope::Server {
            return self.0.join(KEY_FILE);
        }
        self.0.join(scope.file_name())
    }

    /// What an earlier server has kept beside its own ring.
    fn others(&self) -> Vec<(KeyScope, KeyRing)> {
        let files = std::fs::read_dir(&self.0).unwrap().flatten();
        files
            .filter_map(|file| {
                let scope = KeyScope::of_file(file.file_name().to_str()?)?;
                let text = std::fs::read_to_string(file.path()).unwrap();
                Some((scope, KeyRing::parse(&text).unwrap()))
            })
            .collect()
    }
}

impl KeyKeeper for KeyFile {
    fn keep(&self, scope: &KeyScope, ring: &KeyRing) -> io::Result<()> {
        let text = ring.to_text().map_err(io::Error::other)?;
        std::fs::write(self.path(scope), text)
    }

    fn remove(&self, scope: &KeyScope) -> io::Result<()> {
        std::fs::remove_file(self.path(scope))
    }
}

/// The name of that file, in the server's folder.
pub(crate) const KEY_FILE: &str = "keys.json";

pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) allow: Vec<CallbackRule>,
    pub(crate) deny: Vec<CallbackRule>,
    pub(crate) ports: Vec<PortRule>,
    pub(crate) look_up: LookUp,
    pub(crate) own: OwnAddresses,
    pub(crate) webhook_signatures: WebhookSignatures,
    pub(crate) vouching: VouchingRules,
    pub(crate) key_url: Option<KeyUrl>,
    pub(crate) console_url: Option<ConsoleUrl>,
    pub(crate) fault_injection: FaultInjection,
    pub(crate) signatures: SignatureVersions,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// Objects up to this size go into the log; zero makes each a file.
    pub(crate) small_bytes: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            clock: Clock::system(),
            allow: vec![CallbackRule::Loopback],
            deny: Vec::new(),
            ports: vec![PortRule::Any],
            look_up: LookUp::system(),
            own: OwnAddresses::system(Vec::new()),
            webhook_signatures: WebhookSignatures::Off,
            vouching: VouchingRules::default(),
            key_url: None,
            console_url: None,
            fault_injection: FaultInjection::Off,
            signatures: SignatureVersions::Any,
            cors_origins: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            small_bytes: StoreOptions::default().small_bytes,
        }
    }
}

impl TestServer {
    /// With the buckets `photos` (private), `open` (public-read-write) and `shown` (public-read).
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// Every object is a file of its own.
    pub(crate) async fn with_files() -> Self {
        Self::start_with(Setup {
            small_bytes: 0,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        Self::again(tempfile::tempdir().unwrap(), setup).await
    }

    /// A server on what another one has left.
    pub(crate) async fn again(folder: tempfile::TempDir, setup: Setup) -> Self {
        let options = StoreOptions {
            small_bytes: setup.small_bytes,
            ..StoreOptions::default()
        };
        let store = EmbeddedStore::open_with(folder.path(), options).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = NodeConfig {
            listen: vec![any],
            admin: any,
            region: "cn-hangzhou".to_owned(),
            domains: vec!["oss-cn-hangzhou.localhost".to_owned()],
            owner: "owner".to_owned(),
            callback_guard: GuardConfig {
                allow: setup.allow,
                deny: setup.deny,
                ports: setup.ports,
                look_up: setup.look_up,
                own: setup.own,
            },
            callback_signer: SignerConfig {
                keys: KeyRing::first(1024, Timestamp::now()).unwrap(),
                other_keys: KeyFile(folder.path().to_owned()).others(),
                vouching: setup.vouching,
                keeper: Box::new(KeyFile(folder.path().to_owned())),
                new_key_bits: 1024,
                key_url: setup.key_url,
                webhook_signatures: setup.webhook_signatures,
            },
            admin_secret: AdminSecret::new(ADMIN).unwrap(),
            console_url: setup.console_url,
            fault_injection: setup.fault_injection,
            signatures: setup.signatures,
            cors_origins: setup.cors_origins,
            trusted_proxies: setup.trusted_proxies,
            limits: setup.limits,
            clock: setup.clock,
        };
        let catalog = store.catalog();
        catalog
            .put_access_key(&AccessKeyFacts {
                id: AccessKeyId::parse(KEY_ID).unwrap(),
                secret: AccessKeySecret::new(SECRET),
                created: Timestamp::UNIX_EPOCH,
                description: String::new(),
            })
            .await
            .unwrap();
        for (name, acl) in [
            ("photos", BucketAcl::Private),
            ("open", BucketAcl::PublicReadWrite),
            ("shown", BucketAcl::PublicRead),
        ] {
            let facts = BucketFacts {
                callback: upcall_store::catalog::CallbackSettings::default(),
                forms: upcall_store::catalog::FormRules::default(),
                name: BucketName::parse(name).unwrap(),
                acl,
                cors: None,
                owner: "owner".to_owned(),
                created: Timestamp::UNIX_EPOCH,
            };
            match catalog.create_bucket(&facts, &Writer::Operator).await {
                Ok(()) | Err(CatalogError::BucketExists) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        let node = Node::start(config, catalog, store.blobs(), store.maintenance())
            .await
            .unwrap();
        Self {
            node,
            store,
            folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.node.storage_address()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.node.admin_address()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// Posts a form to a bucket, path style.
    pub(crate) async fn post(&self, form: &Form) -> Answer {
        self.client().post_form(form).await
    }

    /// Every key of a bucket.
    pub(crate) async fn keys(&self, bucket: &str) -> Vec<String> {
        let page = self
            .store
            .catalog()
            .list_objects(&ListObjects {
                bucket: BucketName::parse(bucket).unwrap(),
                prefix: String::new(),
                marker: String::new(),
                delimiter: None,
                max_keys: 1000,
            })
            .await
            .unwrap();
        page.objects
            .iter()
            .map(|object| object.key.to_string())
            .collect()
    }

    pub(crate) fn store(&self) -> &EmbeddedStore {
        &self.store
    }

    /// How many blob files there are, once the collector has nothing left to do.
    pub(crate) fn blob_files(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let Ok(entries) = std::fs::read_dir(folder) else {
                return 0;
            };
            entries
                .flatten()
                .map(|entry| {
                    if entry.path().is_dir() {
                        count(&entry.path())
                    } else {
                        1
                    }
                })
                .sum()
        }
        count(&self.folder.path().join("blobs"))
    }

    pub(crate) async fn shutdown(self) -> tempfile::TempDir {
        self.node.shutdown().await;
        self.folder
    }

    /// Makes an object behind the server's back: one of a name that uploads cannot have any more.
    pub(crate) async fn old_object(&self, bucket: &str, key: &str, bytes: &'static [u8]) {
        let mut draft = self.store.blobs().begin(0).await.unwrap();
        let blob = BlobFacts {
            bucket: BucketName::parse(bucket).unwrap(),
            key: upcall::name::ObjectKey::parse(key).unwrap(),
            length: bytes.len() as u64,
            md5: [0; 16],
            crc64: 0,
            content_type: "application/x-pem-file".to_owned(),
            headers: StoredHeaders::default(),
            metadata: Vec::new(),
            acl: ObjectAcl::Default,
            storage_class: "Standard".to_owned(),
            modified: Timestamp::UNIX_EPOCH,
        };
        let object = ObjectFacts {
            bucket: blob.bucket.clone(),
            key: blob.key.clone(),
            blob: draft.id(),
            place: BlobPlace::default(),
            length: blob.length,
            etag: ETag::from_md5(blob.md5),
            crc64: blob.crc64,
            content_type: blob.content_type.clone(),
            headers: blob.headers.clone(),
            metadata: Vec::new(),
            acl: blob.acl,
            storage_class: blob.storage_class.clone(),
            modified: blob.modified,
        };
        draft.finish(vec![bytes.into()], blob).await.unwrap();
        let catalog = self.store.catalog();
        let precondition = Precondition::operator(Overwrite::Allow);
        let committed = catalog.commit_object(&object, &precondition, None);
        committed.await.unwrap();
        draft.keep();
    }

    /// An object's facts, without the server.
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Option<ObjectFacts> {
        let (bucket, key) = (
            BucketName::parse(bucket).unwrap(),
            upcall::name::ObjectKey::parse(key).unwrap(),
        );
        self.store.catalog().object(&bucket, &key).await.unwrap()
    }
}
