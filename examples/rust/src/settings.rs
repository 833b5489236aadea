//! The settings, which are all in the environment.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use upcall::callback::{CallbackParameter, PublicKeyUrls};
use upcall::name::{AccessKeyId, AccessKeySecret};

pub struct Settings {
    pub port: u16,
    pub access_key_id: AccessKeyId,
    pub access_key_secret: AccessKeySecret,
    /// The bucket's address, as the browser reaches it.
    pub host: String,
    /// The callback parameter, in base64.
    pub callback: String,
    /// Path and query of `CALLBACK_URL`.
    pub callback_target: String,
    pub key_urls: PublicKeyUrls,
    pub uploads: PathBuf,
}

impl Settings {
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let port = match set("PORT") {
            Some(port) => port.parse().map_err(|_| "PORT is not a port")?,
            None => 3000,
        };
        let own = || format!("http://127.0.0.1:{port}/callback");
        let callback_url = set("CALLBACK_URL").unwrap_or_else(own);
        let callback = CallbackParameter::builder(&callback_url, CALLBACK_BODY).build();
        let callback = callback.map_err(|error| format!("CALLBACK_URL: {error}"))?;
        let mut key_urls = PublicKeyUrls::oss();
        let listed = set("CALLBACK_KEY_URLS").unwrap_or_default();
        for url in listed.split([' ', ',']).filter(|url| !url.is_empty()) {
            let added = key_urls.and(url);
            key_urls = added.map_err(|error| format!("CALLBACK_KEY_URLS: `{url}`: {error}"))?;
        }
        Ok(Self {
            port,
            access_key_id: AccessKeyId::parse(&needed("OSS_ACCESS_KEY_ID")?)?,
            access_key_secret: AccessKeySecret::new(needed("OSS_ACCESS_KEY_SECRET")?),
            host: needed("OSS_HOST")?,
            callback: callback.encode(),
            callback_target: target_of(&callback_url),
            key_urls,
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

fn target_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}

/// The request id is in it, so that it is signed: a callback that comes twice is one row.
const CALLBACK_BODY: &str = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}\
    &mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}";

#[cfg(test)]
mod tests {
    use super::*;

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
