//! One running storage server: what it is made of, how it starts, drains and stops.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use upcall_store::blobs::Blobs;
use upcall_store::catalog::{BucketFacts, Catalog, Cors};
use upcall_store::maintenance::Maintenance;

use crate::access::SignatureVersions;
use crate::admin::{AdminSecret, AdminService};
use crate::callback::{
    CallbackReport, Dispatcher, DispatcherConfig, Guard, GuardConfig, KeyScope, Outbox, OutboxTask,
    Signer, SignerConfig, VouchingRules,
};
use crate::clock::Clock;
use crate::console::{Console, ConsoleUrl};
use crate::http::cors;
use crate::http::listener::{self, BindError, Shared};
use crate::http::peers::connections::Connections;
use crate::http::peers::proxies::TrustedProxies;
use crate::http::service::{Service, StorageService};
use crate::injection::{FaultInjection, Injector};
use crate::limits::{self, Limits};
use crate::memory::MemoryBudget;
use crate::telemetry::metrics::Metrics;
use crate::upload::again::Answers;
use crate::upload::hasher::Hasher;
use crate::upload::ingest::Ingests;
use crate::upload::refused::RefusedUploads;

/// What a node is told.
#[derive(Debug)]
pub struct NodeConfig {
    /// Where storage is served; at least one address. Port 0 means any free one.
    pub listen: Vec<SocketAddr>,
    /// Where the admin interface is served.
    pub admin: SocketAddr,
    /// The region, without `oss-`.
    pub region: String,
    /// The domains under which a bucket is the first label of the host, in lower case.
    pub domains: Vec<String>,
    /// Who owns every bucket; what callbacks and listings name as owner.
    pub owner: String,
    /// Where callbacks may go.
    pub callback_guard: GuardConfig,
    /// What callbacks are signed with.
    pub callback_signer: SignerConfig,
    /// Opens the admin interface.
    pub admin_secret: AdminSecret,
    /// Where browsers reach the console, if not by an IP address or `localhost`.
    pub console_url: Option<ConsoleUrl>,
    /// The proxies that say which client they speak for.
    pub trusted_proxies: TrustedProxies,
    /// Whether tests can have calls and uploads fail.
    pub fault_injection: FaultInjection,
    /// Which signatures are accepted.
    pub signatures: SignatureVersions,
    /// Origins of pages that may read refusals of which no bucket is known, so that no bucket's rules
    /// say it; each as in a CORS rule, with one `*` at most.
    pub cors_origins: Vec<String>,
    /// Every bound.
    pub limits: Limits,
    /// The time.
    pub clock: Clock,
}

/// What every request may use.
pub(crate) struct Server {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) maintenance: Arc<dyn Maintenance>,
    pub(crate) hasher: Hasher,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) outbox: Outbox,
    pub(crate) answers: Answers,
    pub(crate) guard: Guard,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) region: String,
    pub(crate) domains: Vec<String>,
    pub(crate) owner: String,
    pub(crate) signer: Arc<Signer>,
    pub(crate) tasks: Tasks,
    pub(crate) ingests: Ingests,
    pub(crate) refused_uploads: RefusedUploads,
    pub(crate) started: Timestamp,
    pub(crate) signatures: SignatureVersions,
    /// For what belongs to no bucket.
    pub(crate) cors: Option<Cors>,
    /// Only where faults may be ordered.
    pub(crate) injector: Option<Arc<Injector>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// The bucket's rules; those for answers without a bucket, if none is known.
    pub(crate) fn cors_rules<'f>(&'f self, bucket: Option<&'f BucketFacts>) -> Option<&'f Cors> {
        match bucket {
            Some(facts) => facts.cors.as_ref(),
            None => self.cors.as_ref(),
        }
    }

    /// What answers say they are from, if the request does not say whom it is for.
    pub(crate) fn host(&self) -> &str {
        self.domains.first().map_or("localhost", String::as_str)
    }
}

/// Work that must not be interrupted by a client that hangs up; a shutdown waits for it.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
}

impl Tasks {
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Runs `task` where the caller awaits it; if the caller goes away in between, what is left of
    /// it becomes a task that a shutdown waits for. So the usual case needs no other thread.
    pub(crate) fn finish_anyway<F>(&self, task: F) -> FinishAnyway<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        FinishAnyway {
            task: Some(Box::pin(task)),
            tracker: self.tracker.clone(),
            runtime: Handle::current(),
        }
    }

    async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// See [`Tasks::finish_anyway`].
pub(crate) struct FinishAnyway<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// `None` when it is done, or has panicked.
    task: Option<Pin<Box<F>>>,
    tracker: TaskTracker,
    runtime: Handle,
}

impl<F> Future for FinishAnyway<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut task = self.task.take().expect("it is not polled after its end");
        let polled = task.as_mut().poll(cx);
        if polled.is_pending() {
            self.task = Some(task);
        }
        polled
    }
}

impl<F> Drop for FinishAnyway<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.tracker.spawn_on(task, &self.runtime);
        }
    }
}

/// A running storage server.
#[derive(Debug)]
pub struct Node {
    server: Arc<Server>,
    addresses: Vec<SocketAddr>,
    admin_address: SocketAddr,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    outbox: OutboxTask,
}

impl Node {
    /// Binds every address and begins to serve.
    ///
    /// # Errors
    /// An address cannot be had, or the system's TLS set-up cannot be used.
    #[expect(
        clippy::unused_async,
        reason = "sockets and tasks need the runtime that a future is polled in"
    )]
    pub async fn start(
        config: NodeConfig,
        catalog: Arc<dyn Catalog>,
        blobs: Arc<dyn Blobs>,
        maintenance: Arc<dyn Maintenance>,
    ) -> Result<Self, StartError> {
        let sockets = listener::bind(&config.listen)?;
        let admin = listener::bind(&[config.admin])?;
        let addresses = local_addresses(&sockets)?;
        let admin_address = first(&local_addresses(&admin)?)?;
        let own_url = crate::callback::own(reachable(first(&addresses)?));
        let signer = Arc::new(Signer::new(config.callback_signer, own_url));
        let metrics = Arc::new(Metrics::new());
        let injector = config.fault_injection.injector();
        let guard = Guard::new(config.callback_guard, admin_address.port());
        let dispatcher = DispatcherConfig {
            guard: guard.clone(),
            signer: Arc::clone(&signer),
            limits: &config.limits,
            metrics: Arc::clone(&metrics),
            clock: config.clock.clone(),
            injector: injector.clone(),
        };
        let dispatcher = Arc::new(Dispatcher::new(dispatcher).map_err(StartError::Tls)?);
        let outbox = Outbox::new(
            Arc::clone(&catalog),
            Arc::clone(&blobs),
            Arc::clone(&dispatcher),
            config.clock.clone(),
        );
        let server = Arc::new(Server {
            refused_uploads: RefusedUploads::new(&config.limits),
            started: config.clock.now(),
            outbox,
            answers: Answers::default(),
            catalog,
            blobs,
            maintenance,
            hasher: Hasher::start().map_err(StartError::Hasher)?,
            dispatcher,
            guard,
            metrics,
            clock: config.clock,
            memory: MemoryBudget::new(config.limits.request_memory),
            limits: config.limits,
            region: config.region,
            domains: config.domains,
            owner: config.owner,
            signer,
            signatures: config.signatures,
            cors: cors::without_bucket(config.cors_origins),
            tasks: Tasks::default(),
            ingests: Ingests::default(),
            injector,
        });

        let (stop, stopped) = watch::channel(false);
        let (url, clock) = (config.console_url, server.clock.clone());
        let console = Console::new(url, admin_address.port(), clock);
        let services = Services {
            admin: AdminService::new(Arc::clone(&server), config.admin_secret, console),
            proxies: config.trusted_proxies,
        };
        let listeners = services.serve(&server, sockets, admin, &stopped);
        Ok(Self {
            outbox: server.outbox.start(),
            server,
            addresses,
            admin_address,
            stop,
            listeners,
        })
    }

    /// Where storage is served, first address first.
    pub fn storage_address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Every address on which storage is served.
    pub fn storage_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the admin interface is served.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What `x-oss-pub-key-url` announces now; after a rotation it is another.
    pub fn public_key_url(&self) -> String {
        let signer = &self.server.signer;
        signer.url_of(&KeyScope::Server, signer.server_keys().current_id())
    }

    /// What every address of a public key of this server looks like, with `*` for the key's id, as
    /// [`PublicKeyUrls`](upcall::callback::PublicKeyUrls) takes it.
    pub fn public_key_urls(&self) -> String {
        self.server.signer.url_of(&KeyScope::Server, "*")
    }

    /// The same for the keys of another scope, whether there are any or not.
    pub fn public_key_urls_of(&self, scope: &KeyScope) -> String {
        self.server.signer.url_of(scope, "*")
    }

    /// Which kind of key signs what.
    pub fn vouching(&self) -> VouchingRules {
        self.server.signer.vouching()
    }

    /// Every callback from now on, once it has ended; an onlooker that lags misses some.
    pub fn callbacks(&self) -> broadcast::Receiver<CallbackReport> {
        self.server.dispatcher.reports()
    }

    /// Stops: no new connections; running requests and callbacks finish, within the limit.
    pub async fn shutdown(self) {
        self.server.dispatcher.log().close();
        // Nobody receives only if every listener has ended already.
        let _ = self.stop.send(true);
        for listener in self.listeners {
            if let Err(error) = listener.await {
                tracing::error!(%error, "a listener did not end well");
            }
        }
        let finished = self.server.tasks.finished();
        if tokio::time::timeout(self.server.limits.drain, finished)
            .await
            .is_err()
        {
            tracing::warn!("uploads were cut: the drain took too long");
        }
        self.outbox.stop().await;
        let server = self.server;
        let stopped = tokio::task::spawn_blocking(move || server.hasher.stop());
        if let Err(error) = stopped.await {
            tracing::error!(%error, "the hasher did not end well");
        }
    }
}

/// What a node serves beside storage, and the proxies in front of both.
struct Services {
    admin: AdminService,
    proxies: TrustedProxies,
}

impl Services {
    /// Begins to serve each on its sockets. All sockets of a service share their connections.
    fn serve(
        self,
        server: &Arc<Server>,
        storage: Vec<TcpListener>,
        admin: Vec<TcpListener>,
        stopped: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let proxies = Arc::new(self.proxies);
        let max = server.limits.connections;
        let storage_service = Arc::new(Shared {
            service: Arc::new(StorageService {
                server: Arc::clone(server),
            }),
            limits: server.limits.clone(),
            connections: Connections::new(max),
            memory: Arc::clone(&server.memory),
            proxies: Arc::clone(&proxies),
        });
        let admin_service = Arc::new(Shared {
            service: Arc::new(self.admin),
            limits: server.limits.clone(),
            connections: Connections::new(max.min(limits::ADMIN_CONNECTIONS)),
            memory: Arc::clone(&server.memory),
            proxies,
        });
        let mut listeners = serve_all(storage, &storage_service, stopped);
        listeners.extend(serve_all(admin, &admin_service, stopped));
        listeners
    }
}

/// One task for each socket.
fn serve_all<V: Service>(
    sockets: Vec<TcpListener>,
    shared: &Arc<Shared<V>>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let serve = |socket| {
        let shared = Arc::clone(shared);
        tokio::spawn(listener::serve(socket, shared, stopped.clone()))
    };
    sockets.into_iter().map(serve).collect()
}

fn first(addresses: &[SocketAddr]) -> Result<SocketAddr, StartError> {
    addresses.first().copied().ok_or(StartError::NoAddress)
}

fn local_addresses(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, StartError> {
    listeners
        .iter()
        .map(|listener| listener.local_addr().map_err(StartError::Address))
        .collect()
}

/// The address under which this machine reaches a socket that listens on all of its addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback: std::net::IpAddr = if address.is_ipv4() {
        std::net::Ipv4Addr::LOCALHOST.into()
    } else {
        std::net::Ipv6Addr::LOCALHOST.into()
    };
    SocketAddr::new(loopback, address.port())
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system does not tell where a socket listens.
    #[error("the address of a socket is not known")]
    Address(#[source] std::io::Error),
    /// An address is taken, or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system has no threads for the hasher.
    #[error("the threads that hash cannot be started")]
    Hasher(#[source] std::io::Error),
    /// No address was given.
    #[error("no address to listen on was given")]
    NoAddress,
    /// The system's certificates cannot be used.
    #[error("TLS for callbacks cannot be set up")]
    Tls(#[source] rustls::Error),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_awaits_any_more_is_finished_all_the_same() {
        let tasks = Tasks::default();
        let ((go, may_go), (done, is_done)) = (oneshot::channel(), oneshot::channel());
        let awaited = tasks.finish_anyway(async move {
            let went: Result<(), _> = may_go.await;
            done.send(went.is_ok()).unwrap();
        });
        let began = tokio::time::timeout(Duration::from_millis(1), awaited).await;
        assert!(began.is_err(), "it ended before it could");

        go.send(()).unwrap();

        tasks.finished().await;
        assert_eq!(is_done.await, Ok(true));
    }

    #[tokio::test]
    async fn what_is_awaited_to_its_end_becomes_no_task() {
        let tasks = Tasks::default();
        assert_eq!(tasks.finish_anyway(async { 7 }).await, 7);
        assert!(tasks.tracker.is_empty());
    }
}
