//! What `upcall dev` says when everything is up: to a person, or to a script.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use upcall::callback::CallbackParameter;
use upcall::callback::binding::{self, Binding, BindingKey, GRACE, Permitted};
use upcall::name::{AccessKeySecret, BucketName};

use super::{BUCKET, MOST_BYTES, REGION};
use crate::command::signed_form::{Overwrite, Permission, SignedForm, expiration};
use crate::command::storage::Storage;
use crate::config::app_url::AppUrl;
use crate::data::DataFolder;
use crate::terminal::message::Failure;

/// What is up.
pub(super) struct Ready<'a> {
    pub(super) storage: &'a Storage,
    pub(super) data: &'a DataFolder,
    /// Where the reference application listens.
    pub(super) app: SocketAddr,
    /// Which application is called, if it is another one.
    pub(super) app_url: Option<&'a AppUrl>,
    /// This machine's address in its network, if it is to be reached there.
    pub(super) lan: Option<IpAddr>,
    /// Id and secret.
    pub(super) key: (&'a str, &'a str),
}

impl Ready<'_> {
    /// The pages that may post to the bucket.
    pub(super) fn origins(&self) -> Vec<String> {
        let app = shown(self.app);
        let mut origins = vec![
            format!("http://{app}"),
            format!("http://localhost:{}", app.port()),
        ];
        let lan = self.on_a_phone();
        origins.extend(lan.map(|address| format!("http://{address}")));
        origins.extend(self.app_url.into_iter().flat_map(AppUrl::origins));
        let mut seen = std::collections::HashSet::new();
        origins.retain(|origin| seen.insert(origin.clone()));
        origins
    }

    /// The upload page, as a phone in the network reaches it.
    pub(super) fn on_a_phone(&self) -> Option<SocketAddr> {
        self.lan.map(|ip| SocketAddr::new(ip, self.app.port()))
    }

    pub(super) fn storage_url(&self) -> String {
        format!("http://{}", shown(self.storage.node.storage_address()))
    }

    /// The bucket, as a browser reaches it: also one in the network, if that is wanted.
    pub(super) fn bucket_url(&self) -> String {
        let mut address = shown(self.storage.node.storage_address());
        if let Some(ip) = self.lan {
            address.set_ip(ip);
        }
        format!("http://{address}/{BUCKET}/")
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://{}", self.storage.node.admin_address())
    }

    /// Where the application hears of uploads.
    pub(super) fn callback_url(&self) -> String {
        match self.app_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{}/callback", shown(self.app)),
        }
    }

    pub(super) fn to_json(&self, env_file: Option<&Path>) -> Result<serde_json::Value, Failure> {
        let (id, secret) = self.key;
        let node = &self.storage.node;
        let absolute = |path: &Path| -> Result<PathBuf, Failure> { Ok(std::path::absolute(path)?) };
        let admin_secret = self.data.admin_secret_file()?;
        Ok(json!({
            "storage": self.storage_url(),
            "app": format!("http://{}", shown(self.app)),
            "lan": self.on_a_phone().map(|address| format!("http://{address}/")),
            "admin": self.admin_url(),
            "adminSecretFile": admin_secret.as_deref().map(absolute).transpose()?,
            "region": REGION,
            "domains": [format!("oss-{REGION}.localhost")],
            "publicKeyUrl": node.public_key_url(),
            "publicKeyUrls": node.public_key_urls(),
            "callbackUrl": self.callback_url(),
            "bucket": BUCKET,
            "bucketUrl": self.bucket_url(),
            "accessKeyId": id,
            "accessKeySecret": secret,
            "envFile": env_file.map(absolute).transpose()?,
        }))
    }

    pub(super) fn banner(&self) -> Result<String, Failure> {
        let app = shown(self.app);
        let lan = self
            .on_a_phone()
            .map(|address| format!("  on a phone   http://{address}/\n"))
            .unwrap_or_default();
        let called = self
            .app_url
            .map(|url| format!("  calls        {}\n", url.as_str()))
            .unwrap_or_default();
        let secret_is_open = if self.lan.is_some() {
            " (whoever is in this network can read the access key there)"
        } else {
            ""
        };
        Ok(format!(
            "\n  upload page  http://{app}/\n{lan}  examples     http://{app}/examples/{secret_is_open}\n{called}  storage      {}/{BUCKET}/\n  console      \
             {}/ (its secret is in `admin-secret`)\n  public key   {}\n  data         {} (the access key is in `dev-key`)\n\n\
             An upload by hand, good for a day:\n\n{}\n\n\
             Stop with Ctrl-C. Every callback shows as a line below.\n",
            self.storage_url(),
            self.admin_url(),
            self.storage.node.public_key_url(),
            self.data.path().display(),
            self.form()?.curl("cat.jpg"),
        ))
    }

    /// What anybody may post for a day; the application hears of it.
    fn form(&self) -> Result<SignedForm, Failure> {
        let expiration = expiration(Duration::from_secs(24 * 3600))?;
        let binding = Binding::new(BindingKey::of_access_key(&AccessKeySecret::new(self.key.1)));
        let everything = Permitted::Prefix(String::new());
        let permitted = binding::Permission::until(expiration, GRACE, BUCKET, everything);
        let callback = CallbackParameter::builder(
            &self.callback_url(),
            "bucket=${bucket}&object=${object}&size=${size}&mimeType=${mimeType}",
        )
        .binding(&binding.make(&permitted.user("by-hand")))
        .build()?;
        let permission = Permission {
            bucket: &BucketName::parse(BUCKET)?,
            key_prefix: "",
            max_bytes: MOST_BYTES,
            expiration,
            callback: Some(&callback),
            types: &[],
            // The line is there to be tried again and again.
            overwrite: Overwrite::Allow,
        };
        Ok(SignedForm::sign(&permission, &self.storage_url(), self.key))
    }
}

/// An address that this machine itself can open.
fn shown(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    }
}
