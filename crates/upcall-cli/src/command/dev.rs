//! `upcall dev`: storage and the reference application on this machine, on different origins, with a
//! bucket, keys and CORS rules, over real HTTP. With `--app-url` it is somebody's own application
//! server that hears of uploads.

mod environment;
mod ready;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use upcall::callback::PublicKeyUrls;
use upcall::callback::binding::{Binding, BindingKey};
use upcall::form::Strictness;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall_app::{App, AppConfig, CallbackUrlRule, Examples, HostRule};
use upcall_server::callback::{
    CallbackReport, CallbackRule, GuardConfig, KeyClass, KeyScope, LookUp, OwnAddresses, PortRule,
    VouchingRules, WebhookSignatures,
};
use upcall_server::{FaultInjection, SignatureVersions, TrustedProxies};
use upcall_store::StoreOptions;
use upcall_store::catalog::{
    BucketAcl, BucketFacts, CatalogError, Cors, CorsRule, FormRules, Writer,
};

use self::ready::Ready;
use crate::command::app::cannot_start;
use crate::command::stop::Stop;
use crate::command::storage::{Storage, StorageSetup};
use crate::config::app_url::AppUrl;
use crate::config::args::DevArgs;
use crate::config::callback::KEY_BITS_DEFAULT;
use crate::data::{DataFolder, env_file};
use crate::terminal::message::{Failure, note};
use crate::terminal::{output, qr};

pub(crate) async fn run(args: &DevArgs) -> Result<(), Failure> {
    let app_url = args.app_url.as_deref().map(AppUrl::parse).transpose()?;
    let mut stop = Stop::listen()?;
    let data = DataFolder::new(&args.data);
    let lan = if args.lan { Some(lan_address()?) } else { None };
    let storage = Storage::start(StorageSetup {
        data: data.clone(),
        listen: vec![reachable_from(args.storage, lan)],
        listen_flag: "--storage",
        admin: args.admin,
        console_url: None,
        region: REGION.to_owned(),
        domains: vec![format!("oss-{REGION}.localhost")],
        callback_guard: guard(app_url.as_ref()),
        callback_key_url: None,
        callback_key_bits: KEY_BITS_DEFAULT,
        vouching: VouchingRules::default(),
        webhook_signatures: WebhookSignatures::Off,
        store: StoreOptions::default(),
        fault_injection: FaultInjection::On,
        memory: None,
        signatures: SignatureVersions::Any,
        cors_origins: vec!["*".to_owned()],
        trusted_proxies: TrustedProxies::default(),
        strictness: strictness(args),
        record: None,
    })
    .await?;
    let (id, secret) = data.dev_key()?;
    storage
        .put_key(&id, &secret, "made by `upcall dev`")
        .await?;
    let app = start_app(args, app_url.as_ref(), &storage, &data, lan, (&id, &secret)).await?;
    let ready = Ready {
        storage: &storage,
        data: &data,
        app: app.address(),
        app_url: app_url.as_ref(),
        lan,
        key: (&id, &secret),
    };
    make_bucket(&storage, ready.origins(), form_rules(app_url.as_ref())).await?;
    let callbacks = storage.node.callbacks();
    // Before anything is printed: whoever waits for the line may read the file at once.
    if let Some(path) = &args.env_file {
        env_file::write(path, &environment::settings(&ready)?)?;
    }
    if args.json {
        output::json(&ready.to_json(args.env_file.as_deref())?)?;
    } else {
        output::line(ready.banner()?)?;
        if let Some(code) = ready
            .on_a_phone()
            .and_then(|address| qr::write(&format!("http://{address}/")))
        {
            output::line(code)?;
        }
    }

    // Cancel-safe: a line is printed whole or not begun.
    tokio::select! {
        () = stop.asked() => {}
        () = show_callbacks(callbacks) => {}
    }
    note("stopping: running uploads and callbacks finish first");
    stop.finish(async {
        // Storage first: its running callbacks need the application.
        storage.stop().await;
        app.shutdown().await;
    })
    .await;
    Ok(())
}

const fn strictness(args: &DevArgs) -> Strictness {
    if args.strict {
        Strictness::Strict
    } else {
        Strictness::Lenient
    }
}

/// What runs on this machine and in its network may be called, and the application's own host.
fn guard(app_url: Option<&AppUrl>) -> GuardConfig {
    let mut allow = vec![CallbackRule::Loopback, CallbackRule::Private];
    allow.extend(app_url.and_then(AppUrl::rule));
    GuardConfig {
        allow,
        deny: Vec::new(),
        ports: vec![PortRule::Any],
        look_up: LookUp::system(),
        own: OwnAddresses::system(Vec::new()),
    }
}

async fn start_app(
    args: &DevArgs,
    app_url: Option<&AppUrl>,
    storage: &Storage,
    data: &DataFolder,
    lan: Option<IpAddr>,
    (id, secret): (&str, &str),
) -> Result<App, Failure> {
    let secret = AccessKeySecret::new(secret);
    let config = AppConfig {
        listen: reachable_from(args.app, lan),
        access_key_id: AccessKeyId::parse(id)?,
        binding: Binding::new(BindingKey::of_access_key(&secret)),
        access_key_secret: secret,
        bucket: BucketName::parse(BUCKET)?,
        region: REGION.to_owned(),
        host: HostRule::SameHost {
            port: storage.node.storage_address().port(),
        },
        callback_url: CallbackUrlRule::OwnAddress,
        key_urls: key_urls(storage)?,
        data: data.path().join("app.sqlite"),
        max_bytes: MOST_BYTES,
        allowed_types: None,
        policy_lifetime: POLICY_LIFETIME,
        // Whoever hears of uploads signs them, at the same address.
        policy_url: app_url.map(|url| url.as_str().to_owned()),
        examples: Examples::WithSecret,
        limits: upcall_app::Limits::default(),
        clock: upcall_app::Clock::system(),
    };
    App::start(config)
        .await
        .map_err(|error| cannot_start(error, "--app"))
}

/// Where the application takes keys from: the server's, and the bucket's own, should it get some.
fn key_urls(storage: &Storage) -> Result<PublicKeyUrls, Failure> {
    let bucket = KeyScope::Bucket(BucketName::parse(BUCKET)?);
    let urls = PublicKeyUrls::none().and(&storage.node.public_key_urls())?;
    Ok(urls.and(&storage.node.public_key_urls_of(&bucket))?)
}

/// The bucket, and rules that let the application's pages post to it.
async fn make_bucket(
    storage: &Storage,
    origins: Vec<String>,
    forms: FormRules,
) -> Result<(), Failure> {
    let name = BucketName::parse(BUCKET)?;
    let facts = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms,
        name: name.clone(),
        acl: BucketAcl::Private,
        cors: None,
        owner: "upcall".to_owned(),
        created: Timestamp::now(),
    };
    match storage
        .catalog
        .create_bucket(&facts, &Writer::Operator)
        .await
    {
        Ok(()) | Err(CatalogError::BucketExists) => {}
        Err(error) => return Err(error.into()),
    }
    let known = storage
        .catalog
        .bucket(&name)
        .await?
        .and_then(|facts| facts.cors.clone());
    let mut rules = known.map(|cors| cors.rules).unwrap_or_default();
    // Ports change between starts; rules that somebody else made stay.
    rules.retain(|rule| rule.max_age_seconds != Some(OUR_MAX_AGE));
    rules.insert(
        0,
        CorsRule {
            allowed_origins: origins,
            allowed_methods: ["GET", "HEAD", "POST", "PUT", "DELETE"]
                .map(str::to_owned)
                .into(),
            allowed_headers: vec!["*".to_owned()],
            expose_headers: ["ETag", "x-oss-request-id"].map(str::to_owned).into(),
            max_age_seconds: Some(OUR_MAX_AGE),
        },
    );
    let cors = Cors {
        rules,
        response_vary: true,
    };
    storage
        .catalog
        .set_bucket_cors(&name, Some(&cors), &Writer::Operator)
        .await
        .map_err(Failure::from)
}

/// What the reference application's policies cannot bind, since no page of the samples sends it.
/// Replacing stays possible, as a person who tries things out uploads the same file again. With
/// `--app-url` the bucket is as at OSS: that application may want what this one does not.
fn form_rules(app_url: Option<&AppUrl>) -> FormRules {
    let is_ours = app_url.is_none();
    FormRules {
        forbid_overwrite: false,
        forbid_acl: is_ours,
        redirects: is_ours.then(Vec::new),
        pages_as_downloads: is_ours,
    }
}

/// One line for each call to an application, until nobody makes any more.
async fn show_callbacks(mut callbacks: broadcast::Receiver<CallbackReport>) {
    loop {
        match callbacks.recv().await {
            Ok(report) => note(callback_line(&report)),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                note(format!(
                    "callback  … {missed} more that were too many to show"
                ));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn callback_line(report: &CallbackReport) -> String {
    let verdict = if report.is_success {
        "agreed"
    } else {
        "failed"
    };
    let fault = report
        .fault
        .map(|kind| format!("  ordered fault {kind}"))
        .unwrap_or_default();
    let key = match report.signed_with {
        KeyClass::Trusted => "",
        KeyClass::Unpinned => "  signed with the key for callbacks that the policy leaves open",
        KeyClass::Anonymous => "  signed with the key for anonymous callbacks: receivers refuse it",
        KeyClass::Unsigned => "  not signed",
    };
    format!(
        "callback  {verdict}  {}/{}  {}  {}  {} ms  id {}{key}{fault}",
        report.bucket,
        report.key.escape_debug(),
        report.url.escape_debug(),
        report.outcome.escape_debug(),
        report.took.as_millis(),
        report.request_id,
    )
}

/// With `--lan`, every address of the machine instead of loopback alone.
fn reachable_from(address: SocketAddr, lan: Option<IpAddr>) -> SocketAddr {
    if lan.is_some() && address.ip().is_loopback() {
        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())
    } else {
        address
    }
}

/// The address of this machine in its network: the one it would send from. Nothing is sent.
fn lan_address() -> Result<IpAddr, Failure> {
    let find = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // A documentation address: it only has to be routed the usual way.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    find().map(|address| address.ip()).map_err(|error| {
        Failure::new(format!(
            "this machine has no address in a local network: {error}"
        ))
        .hint("connect it to one, or leave `--lan` out")
    })
}

const BUCKET: &str = "photos";
const REGION: &str = "cn-hangzhou";

/// The largest file that the demonstration takes.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// Short, so that the page's renewal is seen to work.
const POLICY_LIFETIME: Duration = Duration::from_secs(300);

/// How the rule that `dev` makes is known again: nobody chooses this number by hand.
const OUR_MAX_AGE: u32 = 601;
