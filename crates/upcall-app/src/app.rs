//! One running application server: start, address, shutdown.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use upcall::callback::binding::Binding;
use upcall::callback::{CallbackError, CallbackVerifier};
use upcall::name::BucketName;

use crate::callback::Callbacks;
use crate::config::{AppConfig, FormAction, HostRule, is_region};
use crate::http::{AppState, routes, serve};
use crate::policy::{BoundCallback, ContentTypes, PolicyMaker, UnusableTypes};
use crate::uploads::{OpenError, TableThread, Uploads};

/// One running application server. Dropped, it stops on its own time; [`shutdown`](Self::shutdown)
/// waits for it.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
    table: TableThread,
}

impl App {
    /// Opens the table, listens, and serves until [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// Which part of the configuration cannot be had, and why.
    pub async fn start(config: AppConfig) -> Result<Self, StartError> {
        let types = ContentTypes::new(config.allowed_types)
            .map_err(|UnusableTypes| StartError::AllowedTypes)?;
        if let HostRule::Fixed(url) = &config.host
            && config.host.form_action(None, &config.bucket).is_none()
        {
            return Err(StartError::Host { url: url.clone() });
        }
        if !is_region(&config.region) {
            return Err(StartError::Region {
                region: config.region,
            });
        }
        let policy_url = match config.policy_url {
            Some(url) => match FormAction::parse(&url) {
                Some(elsewhere) => Some(elsewhere),
                None => return Err(StartError::PolicyUrl { url }),
            },
            None => None,
        };
        let (uploads, table) = open_uploads(config.data).await?;
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let binding = Arc::new(config.binding);
        let url = config.callback_url.url(address);
        let callback = bound_callback(url, &config.bucket, &binding)?;
        let verifier = CallbackVerifier::new(config.key_urls);
        let callbacks = Callbacks::new(verifier, binding, &config.limits, config.clock.clone());
        let state = AppState {
            callbacks,
            policies: PolicyMaker {
                access_key_id: config.access_key_id,
                access_key_secret: config.access_key_secret,
                bucket: config.bucket,
                region: config.region,
                callback,
                max_bytes: config.max_bytes,
                types,
                lifetime: config.policy_lifetime,
                clock: config.clock.clone(),
            },
            host: config.host,
            policy_url,
            examples: config.examples,
            uploads,
        };
        let (stop, stopped) = watch::channel(false);
        let serving = serve(
            listener,
            routes(Arc::new(state), config.clock),
            config.limits,
            stopped,
        );
        Ok(Self {
            address,
            stop,
            listener: tokio::spawn(serving),
            table,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, lets running requests finish (for at most [`crate::Limits::drain`]),
    /// and closes the table.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.listener.await {
            tracing::error!(%error, "the listener's task panicked");
        }
        // The listener held the last handle of the table, so its thread ends.
        if let Err(error) = tokio::task::spawn_blocking(|| self.table.join()).await {
            tracing::error!(%error, "the uploads table was not closed");
        }
    }
}

/// Why an application server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The content types cannot be stated in a policy.
    #[error("the allowed types must be whole content types, such as `image/png`, or one `image/*`")]
    AllowedTypes,
    /// The callback's address is none.
    #[error("`{url}` cannot be called back")]
    CallbackUrl {
        /// The address.
        url: String,
        /// Why not.
        source: CallbackError,
    },
    /// The bucket's address is none.
    #[error("`{url}` is no address for a form; it must be `http(s)://host[:port]/…`")]
    Host {
        /// The address.
        url: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The address of the other application server is none.
    #[error("`{url}` is no address to ask for policies; it must be `http(s)://host[:port]/…`")]
    PolicyUrl {
        /// The address.
        url: String,
    },
    /// The region is none.
    #[error("`{region}` is no region; one is lower-case letters, digits and `-`")]
    Region {
        /// What was given.
        region: String,
    },
    /// The table cannot be opened.
    #[error("cannot open the table of uploads in `{}`", path.display())]
    Uploads {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

async fn open_uploads(path: PathBuf) -> Result<(Uploads, TableThread), StartError> {
    let file = path.clone();
    let opened = tokio::task::spawn_blocking(move || Uploads::open(&file)).await;
    let opened = opened.map_err(|panicked| OpenError::Thread(io::Error::other(panicked)));
    opened
        .and_then(std::convert::identity)
        .map_err(|error| StartError::Uploads {
            path,
            source: Box::new(error),
        })
}

fn bound_callback(
    url: String,
    bucket: &BucketName,
    binding: &Arc<Binding>,
) -> Result<BoundCallback, StartError> {
    BoundCallback::new(url.clone(), bucket.clone(), Arc::clone(binding))
        .map_err(|source| StartError::CallbackUrl { url, source })
}
