//! A running storage server, as `dev` and `serve` need it.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use upcall::form::Strictness;
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall_server::callback::{
    GuardConfig, KeyUrl, SignerConfig, VouchingRules, WebhookSignatures,
};
use upcall_server::{
    Clock, ConsoleUrl, FaultInjection, Node, NodeConfig, SignatureVersions, StartError,
    TrustedProxies,
};
use upcall_store::catalog::{AccessKeyFacts, Catalog};
use upcall_store::{EmbeddedStore, OpenError, StoreOptions};

use crate::command::{descriptors, machine_memory};
use crate::config::record::RecordConfig;
use crate::data::{AdminAddressFile, DataFolder};
use crate::terminal::message::Failure;

/// What a storage server is started with.
pub(crate) struct StorageSetup {
    pub(crate) data: DataFolder,
    pub(crate) listen: Vec<SocketAddr>,
    /// The flag that says where to listen, for the hint.
    pub(crate) listen_flag: &'static str,
    pub(crate) admin: SocketAddr,
    pub(crate) console_url: Option<ConsoleUrl>,
    pub(crate) region: String,
    pub(crate) domains: Vec<String>,
    pub(crate) callback_guard: GuardConfig,
    pub(crate) callback_key_url: Option<KeyUrl>,
    pub(crate) callback_key_bits: u32,
    pub(crate) vouching: VouchingRules,
    pub(crate) webhook_signatures: WebhookSignatures,
    pub(crate) store: StoreOptions,
    pub(crate) fault_injection: FaultInjection,
    /// Bytes for requests under way; `None` is a part of what the machine has.
    pub(crate) memory: Option<u64>,
    pub(crate) signatures: SignatureVersions,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// Whether forms that OSS refuses are taken.
    pub(crate) strictness: Strictness,
    /// What is kept of callbacks, if not what the limits say.
    pub(crate) record: Option<RecordConfig>,
}

/// A storage server and its store.
pub(crate) struct Storage {
    pub(crate) node: Node,
    pub(crate) catalog: Arc<dyn Catalog>,
    store: EmbeddedStore,
    admin_address: AdminAddressFile,
}

impl Storage {
    /// Opens the store, makes what is missing, and serves.
    pub(crate) async fn start(setup: StorageSetup) -> Result<Self, Failure> {
        setup.data.check_owner()?;
        let mut limits = descriptors::limits()?;
        limits.request_memory = machine_memory::for_requests(setup.memory);
        limits.form.strictness = setup.strictness;
        if let Some(record) = &setup.record {
            limits.record_calls = record.calls.value;
            limits.record_bytes = usize::try_from(record.bytes.value).unwrap_or(usize::MAX);
            limits.record_age = record.age.value;
        }
        let folder = setup.data.path().to_owned();
        let options = setup.store;
        let store = tokio::task::spawn_blocking(move || EmbeddedStore::open_with(&folder, options))
            .await?
            .map_err(cannot_open)?;
        let config = NodeConfig {
            listen: setup.listen,
            admin: setup.admin,
            region: setup.region,
            domains: setup.domains,
            owner: OWNER.to_owned(),
            callback_guard: setup.callback_guard,
            callback_signer: SignerConfig {
                keys: setup.data.callback_keys(setup.callback_key_bits)?,
                other_keys: setup.data.other_callback_keys()?,
                vouching: setup.vouching,
                keeper: Box::new(setup.data.clone()),
                new_key_bits: setup.callback_key_bits,
                key_url: setup.callback_key_url,
                webhook_signatures: setup.webhook_signatures,
            },
            admin_secret: setup.data.admin_secret()?,
            console_url: setup.console_url,
            fault_injection: setup.fault_injection,
            signatures: setup.signatures,
            cors_origins: setup.cors_origins,
            trusted_proxies: setup.trusted_proxies,
            limits,
            clock: Clock::system(),
        };
        let catalog = store.catalog();
        let node = Node::start(
            config,
            Arc::clone(&catalog),
            store.blobs(),
            store.maintenance(),
        )
        .await
        .map_err(|error| cannot_start(error, setup.admin, setup.listen_flag))?;
        let admin_address = setup.data.write_admin_address(node.admin_address())?;
        Ok(Self {
            node,
            catalog,
            store,
            admin_address,
        })
    }

    /// Makes sure that this access key is known.
    pub(crate) async fn put_key(&self, id: &str, secret: &str, what: &str) -> Result<(), Failure> {
        let (id, secret) = (AccessKeyId::parse(id)?, AccessKeySecret::new(secret));
        let known = self.catalog.access_key(&id).await?;
        if known.is_some_and(|known| known.secret == secret) {
            return Ok(());
        }
        let facts = AccessKeyFacts {
            id,
            secret,
            created: Timestamp::now(),
            description: what.to_owned(),
        };
        self.catalog
            .put_access_key(&facts)
            .await
            .map_err(Failure::from)
    }

    /// Stops serving, lets what runs finish, and closes the store.
    pub(crate) async fn stop(self) {
        drop(self.admin_address);
        self.node.shutdown().await;
        drop(self.catalog);
        let store = self.store;
        if tokio::task::spawn_blocking(move || store.close())
            .await
            .is_err()
        {
            tracing::error!("the store did not close well");
        }
    }
}

pub(super) fn cannot_open(error: OpenError) -> Failure {
    let hint = match &error {
        OpenError::Held { .. } => {
            "stop that process, or give this one its own folder with `--data`"
        }
        OpenError::Format { .. } => NEWER,
        error if error.is_broken_catalog() => {
            "`upcall fsck --rebuild` makes the catalog anew from the objects; access keys are lost with it"
        }
        OpenError::Catalog { .. }
        | OpenError::CatalogMissing { .. }
        | OpenError::Io { .. }
        | OpenError::NotOurs { .. }
        | OpenError::Unfinished { .. } => return Failure::from(error),
    };
    Failure::from(error).hint(hint)
}

fn cannot_start(error: StartError, admin: SocketAddr, listen_flag: &str) -> Failure {
    let flag = match &error {
        StartError::Bind(bind) if bind.address == admin => Some("--admin"),
        StartError::Bind(_) => Some(listen_flag),
        StartError::Address(_)
        | StartError::NoAddress
        | StartError::Hasher(_)
        | StartError::Tls(_) => None,
    };
    let failure = Failure::from(error);
    match flag {
        Some(flag) => failure.hint(other_address(flag)),
        None => failure,
    }
}

/// What to do when an address cannot be listened on.
pub(crate) fn other_address(flag: &str) -> String {
    format!("choose another address with `{flag} ADDR`; port 0 means any free one")
}

/// What to do when a newer program has written a store.
pub(super) const NEWER: &str = "use the version of upcall that wrote it, or a newer one";

/// The one owner of every bucket.
const OWNER: &str = "upcall";
