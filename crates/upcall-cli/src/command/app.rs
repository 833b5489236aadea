//! `upcall app`: the reference application server alone, beside any storage server.

use upcall::callback::PublicKeyUrls;
use upcall::callback::binding::Binding;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall_app::{App, AppConfig, CallbackUrlRule, Examples, HostRule, StartError};

use crate::command::stop::Stop;
use crate::command::storage::other_address;
use crate::config::args::AppArgs;
use crate::data::environment_secret;
use crate::terminal::message::{Failure, note};
use crate::terminal::output;

pub(crate) async fn run(args: &AppArgs) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let (id, secret) = access_key()?;
    let secret = AccessKeySecret::new(secret);
    let config = AppConfig {
        listen: args.listen,
        access_key_id: AccessKeyId::parse(&id)?,
        binding: binding(&secret)?,
        access_key_secret: secret,
        bucket: BucketName::parse(&args.bucket)?,
        region: args.region.clone(),
        host: HostRule::Fixed(args.host.clone()),
        callback_url: match &args.callback_url {
            Some(url) => CallbackUrlRule::Fixed(url.clone()),
            None => CallbackUrlRule::OwnAddress,
        },
        key_urls: key_urls(&args.key_url)?,
        data: args.data.clone(),
        max_bytes: args.max_size,
        allowed_types: None,
        policy_lifetime: args.policy_lifetime,
        policy_url: None,
        examples: Examples::Off,
        limits: upcall_app::Limits::default(),
        clock: upcall_app::Clock::system(),
    };
    let app = App::start(config)
        .await
        .map_err(|error| cannot_start(error, "--listen"))?;
    if args.json {
        output::json(&serde_json::json!({ "app": format!("http://{}", app.address()) }))?;
    } else {
        output::line(format!("upload page  http://{}/", app.address()))?;
    }
    stop.asked().await;
    note("stopping");
    stop.finish(app.shutdown()).await;
    Ok(())
}

/// Those that were named, and OSS's own only if it is one of them.
fn key_urls(named: &[String]) -> Result<PublicKeyUrls, Failure> {
    if named.is_empty() {
        return Ok(PublicKeyUrls::oss());
    }
    let list = named.iter().try_fold(PublicKeyUrls::none(), |list, url| {
        list.and(url).map_err(|error| {
            Failure::new(format!(
                "`{}` (--key-url) cannot be used: {error}",
                url.escape_debug()
            ))
        })
    })?;
    Ok(list)
}

/// With secrets of its own, if there are any in the environment.
pub(super) fn binding(access_key_secret: &AccessKeySecret) -> Result<Binding, Failure> {
    let secrets = environment_secret(BINDING_SECRET)?.unwrap_or_default();
    Binding::from_setting(&secrets, access_key_secret).map_err(|error| {
        Failure::new(format!("`{BINDING_SECRET}` cannot be used: {error}"))
            .hint("make one with `openssl rand -hex 32`; several are separated by commas")
    })
}

/// What keys the bindings of policies, if not the access key secret: several, of which the first makes
/// and all verify.
const BINDING_SECRET: &str = "UPCALL_BINDING_SECRET";

/// An application that does not start, with the flag that gives it another address.
pub(super) fn cannot_start(error: StartError, listen_flag: &str) -> Failure {
    let is_address = matches!(error, StartError::Listen { .. });
    let failure = Failure::from(error);
    if is_address {
        failure.hint(other_address(listen_flag))
    } else {
        failure
    }
}

/// The access key in the environment.
pub(super) fn access_key() -> Result<(String, String), Failure> {
    let of = |name| {
        environment_secret(name)?.ok_or_else(|| {
            Failure::new(format!("`{name}` is not set"))
                .hint("set the access key's id and secret in the environment, or the same names with `_FILE`")
        })
    };
    Ok((of("UPCALL_ACCESS_KEY_ID")?, of("UPCALL_ACCESS_KEY_SECRET")?))
}
