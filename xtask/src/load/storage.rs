//! The storage server under load: a real `upcall serve` with one bucket.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::program::{self, ADMIN_SECRET, Running};

use crate::http::{Answer, Connection};

/// A running server.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) program: Running,
    pub(crate) address: SocketAddr,
}

/// The bucket that all uploads go to. Its objects are read by signed requests.
pub(crate) const BUCKET: &str = "photos";

impl Storage {
    /// Starts `upcall serve` on the store in `data`, and makes the bucket if it is not there. The
    /// server's own log is added to the file `log`.
    pub(crate) async fn start(upcall: &Path, data: &Path, log: &Path) -> Result<Self> {
        Self::start_with(upcall, data, log, &[]).await
    }

    /// The same, with more of the command line's flags.
    pub(crate) async fn start_with(
        upcall: &Path,
        data: &Path,
        log: &Path,
        flags: &[String],
    ) -> Result<Self> {
        let mut command = program::serve(upcall, data);
        command.args(flags).stderr(append(log)?);
        let program = Running::start(command)?;
        let address = parse(program.address("storage")?)?;
        let storage = Self { program, address };
        // Made, or found there.
        storage.make_bucket(BUCKET).await?;
        Ok(storage)
    }

    /// Makes a bucket if it is not there.
    pub(crate) async fn make_bucket(&self, name: &str) -> Result<()> {
        let path = format!("buckets/{name}");
        self.put(&path, r#"{"acl":"private"}"#).await
    }

    /// From now on anybody may read what is in the bucket.
    pub(crate) async fn publish(&self) -> Result<()> {
        let path = format!("buckets/{BUCKET}/acl");
        self.put(&path, r#"{"acl":"public-read"}"#).await
    }

    /// From now on a call for an upload into this bucket is owed, for so many seconds.
    pub(crate) async fn redeliver(&self, bucket: &str, seconds: u32) -> Result<()> {
        let path = format!("buckets/{bucket}/callback");
        let body = format!(r#"{{"redeliverSeconds":{seconds}}}"#);
        self.put(&path, &body).await
    }

    /// What the admin interface says of the store.
    pub(crate) async fn usage(&self) -> Result<Value> {
        let answer = self.admin("GET", "store", "").await?;
        ensure!(
            answer.status == 200,
            "`store` was answered {}",
            answer.status
        );
        serde_json::from_slice(&answer.body).context("the admin interface speaks JSON")
    }

    async fn put(&self, path: &str, body: &str) -> Result<()> {
        let answer = self.admin("PUT", path, body).await?;
        ensure!(
            matches!(answer.status, 200 | 201 | 204 | 409),
            "`{path}` was not set: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(())
    }

    /// How many callbacks have not ended yet, by the server's own figures.
    pub(crate) async fn calls_under_way(&self) -> Result<u64> {
        let answer = self.ask("GET", "metrics", "").await?;
        let text = String::from_utf8_lossy(&answer.body);
        let mut lines = text.lines();
        lines
            .find_map(|line| {
                line.strip_prefix("upcall_callbacks_under_way ")?
                    .parse()
                    .ok()
            })
            .context("the server's figures do not count the calls under way")
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        self.ask(method, &format!("v1/{path}"), body).await
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let admin = parse(self.program.address("admin")?)?;
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {ADMIN_SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let connection = Connection::open(admin).await;
        let mut connection = connection.context("the admin interface takes no connection")?;
        let answer = connection.exchange(request.as_bytes()).await;
        answer.map_err(|broken| anyhow::anyhow!("the admin interface: {broken:?}"))
    }
}

pub(crate) fn append(log: &Path) -> Result<File> {
    let opened = File::options().create(true).append(true).open(log);
    opened.with_context(|| format!("cannot write `{}`", log.display()))
}

fn parse(address: &str) -> Result<SocketAddr> {
    address
        .parse()
        .with_context(|| format!("`{address}` is no address"))
}
