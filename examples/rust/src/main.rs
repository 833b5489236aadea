//! An application server: signs upload policies, verifies callbacks, lists what was uploaded.

mod keys;
mod settings;
mod uploads;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, FromRequest, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use upcall::axum::{Callback, CallbackReceiver};
use upcall::callback::binding::{GRACE, Permission, Permitted};
use upcall::callback::{CallbackError, CallbackParameter, CallbackVerifier};
use upcall::policy::PolicyBuilder;
use upcall::policy::signed::SignedPolicy;

use settings::{CALLBACK_BODY, Settings};
use uploads::{Upload, Uploads};

#[derive(Clone)]
struct App {
    settings: Arc<Settings>,
    callbacks: CallbackReceiver,
    uploads: Uploads,
}

/// The extractor [`Callback`] looks here.
impl FromRef<App> for CallbackReceiver {
    fn from_ref(app: &App) -> Self {
        app.callbacks.clone()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_environment()?;
    let verifier = CallbackVerifier::new(settings.key_urls.clone());
    let app = App {
        callbacks: CallbackReceiver::new(verifier, keys::Client::new()?)
            .binding(Arc::clone(&settings.binding)),
        uploads: Uploads::open(&settings.uploads)?,
        settings: Arc::new(settings),
    };
    let port = app.settings.port;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("ready: http://{}/", listener.local_addr()?);

    let mut terminate = signal(SignalKind::terminate())?;
    let routes = Router::new().fallback(answer).with_state(app);
    let serving = axum::serve(listener, routes).into_future();
    // Callbacks that are being answered get a moment.
    tokio::select! {
        ended = serving => ended?,
        _ = terminate.recv() => tokio::time::sleep(Duration::from_millis(500)).await,
    }
    Ok(())
}

async fn answer(State(app): State<App>, request: Request) -> Response {
    // Raw: what was signed is what was sent, byte for byte.
    let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
    // A whole URL in the request line is another text than the one that was signed.
    let is_callback = request.uri().authority().is_none() && target == app.settings.callback_target;
    match *request.method() {
        Method::GET if request.uri().path() == "/uploads" => list(&app).await,
        Method::GET => policy(&app, request.uri().query().unwrap_or_default()),
        Method::OPTIONS => (StatusCode::NO_CONTENT, PREFLIGHT).into_response(),
        Method::POST if is_callback => callback(&app, request).await,
        Method::POST => status(StatusCode::NOT_FOUND, "not found"),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// The policy for one user's folder.
fn policy(app: &App, query: &str) -> Response {
    // A real application takes the user from its session, never from the page.
    let mut users = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "user");
    let user = users.next().map_or("guest".into(), |(_, user)| user);
    let is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=32).contains(&user.len()) || !user.bytes().all(is_plain) || users.next().is_some() {
        let message = "`user` must be 1 to 32 of the letters a to z, digits, `_` and `-`";
        let error = json!({"error": {"code": "InvalidUser", "message": message}});
        return (StatusCode::BAD_REQUEST, for_any_page(&error)).into_response();
    }
    match signed_policy(&app.settings, &user) {
        Ok(signed) => (ANY_PAGE, signed.to_json()).into_response(),
        Err(error) => {
            eprintln!("no callback can be made: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn signed_policy(settings: &Settings, user: &str) -> Result<SignedPolicy, CallbackError> {
    let dir = format!("uploads/{user}/");
    // In whole seconds, so that `expire` and the policy say the same.
    let expiration = jiff::Timestamp::now().as_second() + 300;
    let expiration = jiff::Timestamp::from_second(expiration).unwrap_or_default();
    let permitted = Permitted::Prefix(dir.clone());
    let permission = Permission::until(expiration, GRACE, &settings.bucket, permitted).user(user);
    let callback = CallbackParameter::builder(&settings.callback_url, CALLBACK_BODY)
        .binding(&settings.binding.make(&permission))
        .build()?
        .encode();
    let policy = PolicyBuilder::new(expiration)
        .bucket(&settings.bucket)
        .starts_with("key", &dir)
        .content_length_range(0, 100 * 1024 * 1024)
        .not_in("x-oss-object-acl", ["public-read", "public-read-write"])
        // Without these two, the page could leave the callback out, or get another answer.
        .equals("callback", &callback)
        .equals("success_action_status", "200")
        .build();
    let signed = SignedPolicy::v1(
        &settings.access_key_id,
        &settings.access_key_secret,
        &policy,
    );
    Ok(signed.host(&settings.host).dir(dir).callback(callback))
}

/// A callback: verified, then kept, then answered.
async fn callback(app: &App, request: Request) -> Response {
    // In a route of its own, `async fn uploaded(callback: Callback)` does the same.
    let reading = Callback::from_request(request, app);
    let callback = match tokio::time::timeout(BODY_TIME, reading).await {
        Ok(Ok(callback)) => callback,
        Ok(Err(refused)) => {
            eprintln!("a callback was refused: {}", refused.code());
            return refused.into_response();
        }
        // axum itself would wait for a body for ever.
        Err(_elapsed) => return status(StatusCode::REQUEST_TIMEOUT, "body broken off"),
    };
    let user = callback.permission().and_then(|it| it.user.clone());
    let Some(upload) = Upload::read(callback.body(), user) else {
        return status(StatusCode::BAD_REQUEST, "body not understood");
    };
    let object = upload.object.clone();
    match app.uploads.keep(upload).await {
        Ok(()) => (JSON, json!({"Status": "OK", "object": object}).to_string()).into_response(),
        Err(error) => {
            eprintln!("an upload was not kept: {error}");
            status(StatusCode::INTERNAL_SERVER_ERROR, "not kept")
        }
    }
}

async fn list(app: &App) -> Response {
    match app.uploads.newest().await {
        Ok(uploads) => for_any_page(&json!({ "uploads": uploads })).into_response(),
        Err(error) => {
            eprintln!("the uploads cannot be read: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn status(code: StatusCode, words: &str) -> Response {
    (code, JSON, json!({"Status": words}).to_string()).into_response()
}

fn for_any_page(json: &Value) -> impl IntoResponse {
    (ANY_PAGE, json.to_string())
}

/// For a body to come, and a key to be fetched.
const BODY_TIME: Duration = Duration::from_secs(10);

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

const ANY_PAGE: [(header::HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];

const PREFLIGHT: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
];
