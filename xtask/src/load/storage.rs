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
        let mut command = program::serve(upcall, data);
        command.stderr(append(log)?);
        let program = Running::start(command)?;
        let address = parse(program.address("storage")?)?;
        let storage = Self { program, address };
        // Made, or found there.
        storage.put_acl("", "private").await?;
        Ok(storage)
    }

    /// From now on anybody may read what is in the bucket.
    pub(crate) async fn publish(&self) -> Result<()> {
        self.put_acl("/acl", "public-read").await
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

    async fn put_acl(&self, below: &str, acl: &str) -> Result<()> {
        let body = format!(r#"{{"acl":"{acl}"}}"#);
        let path = format!("buckets/{BUCKET}{below}");
        let answer = self.admin("PUT", &path, &body).await?;
        ensure!(
            matches!(answer.status, 200 | 201 | 204 | 409),
            "the bucket was not made {acl}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(())
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let admin = parse(self.program.address("admin")?)?;
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {ADMIN_SECRET}\r\n\
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
