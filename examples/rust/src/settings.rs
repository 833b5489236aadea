//! The settings, which are all in the environment.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use upcall::callback::binding::Binding;
use upcall::callback::{CallbackParameter, PublicKeyUrls};
use upcall::name::{AccessKeyId, AccessKeySecret};

pub struct Settings {
    pub port: u16,
    pub access_key_id: AccessKeyId,
    pub access_key_secret: AccessKeySecret,
    /// The bucket's address, as the browser reaches it.
    pub host: String,
    pub bucket: String,
    pub callback_url: String,
    /// Path and query of `CALLBACK_URL`.
    pub callback_target: String,
    pub key_urls: PublicKeyUrls,
    /// Proves, in the callback, what was permitted here: others can have a callback signed, too.
    pub binding: Arc<Binding>,
    pub uploads: PathBuf,
}

impl Settings {
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let port = match set("PORT") {
            Some(port) => port.parse().map_err(|_| "PORT is not a port")?,
            None => own_port(&set("CALLBACK_URL").unwrap_or_default()).unwrap_or(3000),
        };
        let own = || format!("http://127.0.0.1:{port}/callback");
        let callback_url = set("CALLBACK_URL").unwrap_or_else(own);
        let callback = CallbackParameter::builder(&callback_url, CALLBACK_BODY).build();
        callback.map_err(|error| format!("CALLBACK_URL: {error}"))?;
        let key_urls = PublicKeyUrls::parse(&set("CALLBACK_KEY_URLS").unwrap_or_default());
        let access_key_secret = AccessKeySecret::new(needed("OSS_ACCESS_KEY_SECRET")?);
        let secrets = set("BINDING_SECRET").unwrap_or_default();
        let binding = Binding::from_setting(&secrets, &access_key_secret);
        Ok(Self {
            port,
            access_key_id: AccessKeyId::parse(&needed("OSS_ACCESS_KEY_ID")?)?,
            host: needed("OSS_HOST")?,
            bucket: needed("OSS_BUCKET")?,
            binding: Arc::new(binding.map_err(|error| format!("BINDING_SECRET: {error}"))?),
            access_key_secret,
            callback_target: target_of(&callback_url),
            callback_url,
            key_urls: key_urls.map_err(|error| format!("CALLBACK_KEY_URLS: {error}"))?,
            uploads: set("UPLOADS").map_or_else(|| "uploads.sqlite".into(), PathBuf::from),
        })
    }
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed(name: &str) -> Result<String, String> {
    set(name).ok_or_else(|| format!("{name} is not set; see the README for the settings"))
}

/// The port of an address on this machine.
fn own_port(url: &str) -> Option<u16> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = authority.split_once(':')?;
    let is_here = matches!(host, "127.0.0.1" | "localhost");
    is_here.then(|| port.parse().ok()).flatten()
}

fn target_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}

/// The request id is in it, so that it is signed: a callback that comes twice is one row.
pub const CALLBACK_BODY: &str = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}\
    &mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_counts_if_it_is_on_this_machine() {
        for (url, port) in [
            ("http://127.0.0.1:4000/callback", Some(4000)),
            ("http://localhost:4000?a=1", Some(4000)),
            ("http://127.0.0.1/callback", None),
            ("https://app.example.com:4000/callback", None),
            ("http://127.0.0.1:4000@app.example.com/", None),
            ("", None),
        ] {
            assert_eq!(own_port(url), port, "{url}");
        }
    }

    #[test]
    fn the_target_is_all_behind_the_host() {
        for (url, target) in [
            ("http://127.0.0.1:3000/callback", "/callback"),
            ("https://app.example.com", "/"),
            ("app.example.com?a=/b", "/?a=/b"),
            (
                "http://app.example.com/a%20b/?u=http://c/",
                "/a%20b/?u=http://c/",
            ),
        ] {
            assert_eq!(target_of(url), target);
        }
    }
}
