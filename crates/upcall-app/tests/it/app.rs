//! An application server for one test: own folder, any free port, a clock that the test moves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use upcall::callback::PublicKeyUrls;
use upcall::callback::binding::{Binding, BindingKey, GRACE, Permission, Permitted};
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall_app::{App, AppConfig, CallbackUrlRule, Clock, Examples, HostRule, Limits};

use crate::client::{Answer, Request};
use crate::key_server::KeyServer;
use crate::signing::{SignedCallback, ours};

pub(crate) const SECRET: &str = "hush-this-is-a-secret";

/// 2026-11-23T18:00:00Z.
pub(crate) const NOON: i64 = 1_795_456_800;

pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) keys: KeyServer,
    pub(crate) clock: TestClock,
    pub(crate) folder: TempDir,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With a key server that has our key, and the configuration changed by `change`.
    pub(crate) async fn start_with(change: impl FnOnce(&mut AppConfig)) -> Self {
        let keys = KeyServer::start(&ours().public_key_pem().unwrap()).await;
        Self::start_in(TempDir::new().unwrap(), keys, change).await
    }

    pub(crate) async fn start_in(
        folder: TempDir,
        keys: KeyServer,
        change: impl FnOnce(&mut AppConfig),
    ) -> Self {
        let clock = TestClock::default();
        let mut config = config(folder.path().join("app.db"), &clock);
        config.key_urls = PublicKeyUrls::none().and(&keys.url()).unwrap();
        change(&mut config);
        let app = App::start(config).await.unwrap();
        Self {
            app,
            keys,
            clock,
            folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.app.address()
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        request.send(self.address()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Request::new("GET", target)).await
    }

    /// A callback as the storage server would send it: `/callback`, our key, this body with a bucket
    /// and a binding that permits all of it.
    pub(crate) fn callback(&self, body: &str) -> SignedCallback {
        SignedCallback::new(&self.keys.url(), "/callback", &bound(body))
    }

    pub(crate) async fn uploads(&self) -> Vec<Value> {
        let answer = self.get("/uploads").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["uploads"].as_array().unwrap().clone()
    }

    /// Stops, and gives back what another start needs.
    pub(crate) async fn stop(self) -> (TempDir, KeyServer) {
        self.app.shutdown().await;
        (self.folder, self.keys)
    }
}

/// What the application makes and verifies.
pub(crate) fn binding() -> Binding {
    Binding::new(BindingKey::of_access_key(&AccessKeySecret::new(SECRET)))
}

/// A token that permits every key of the bucket to this user, until noon and a day.
pub(crate) fn token(user: &str) -> String {
    let noon = Timestamp::from_second(NOON).unwrap();
    let permitted = Permitted::Prefix(String::new());
    binding().make(&Permission::until(noon, GRACE, "photos", permitted).user(user))
}

/// The body with what our template has besides, unless it has a bucket or binding of its own.
pub(crate) fn bound(body: &str) -> String {
    let token = token("eric");
    if let Some(members) = body.strip_prefix('{') {
        return format!(r#"{{"bucket":"photos","binding":"{token}",{members}"#);
    }
    let missing = [("bucket", "photos"), ("binding", token.as_str())];
    let missing = missing
        .into_iter()
        .filter(|(name, _)| !body.contains(&format!("{name}=")));
    let missing: Vec<String> = missing
        .map(|(name, value)| format!("&{name}={value}"))
        .collect();
    format!("{body}{}", missing.concat())
}

pub(crate) fn config(data: PathBuf, clock: &TestClock) -> AppConfig {
    AppConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        access_key_id: AccessKeyId::parse("app-key").unwrap(),
        access_key_secret: AccessKeySecret::new(SECRET),
        binding: binding(),
        bucket: BucketName::parse("photos").unwrap(),
        region: "cn-hangzhou".to_owned(),
        host: HostRule::Fixed("http://127.0.0.1:8700/photos/".to_owned()),
        callback_url: CallbackUrlRule::OwnAddress,
        key_urls: PublicKeyUrls::default(),
        data,
        max_bytes: 1_048_576_000,
        allowed_types: None,
        policy_lifetime: Duration::from_secs(300),
        policy_url: None,
        examples: Examples::Off,
        limits: Limits::default(),
        clock: clock.clock(),
    }
}

/// Shows noon until it is moved.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.0);
        Clock::from_fn(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOON)))
    }
}
