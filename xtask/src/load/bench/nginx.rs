//! nginx with its DAV module, in a folder and on a port of its own, as any user.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::http::Connection;
use crate::port;

/// A running nginx. Stopped when it is dropped.
#[derive(Debug)]
pub(super) struct Nginx {
    master: Child,
    pub(super) address: SocketAddr,
    files: PathBuf,
}

impl Nginx {
    /// Starts it with everything it writes in `folder`.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let files = folder.join("files");
        for name in ["files", "temporary"] {
            fs::create_dir_all(folder.join(name)).context("cannot make a folder for nginx")?;
        }
        // nginx cannot be told "any free port".
        let address = port::free()?;
        let configuration = folder.join("nginx.conf");
        let text = configure(folder, address, is_root()?);
        fs::write(&configuration, text).context("cannot write nginx's configuration")?;
        let error_log = folder.join("error.log");
        let master = Command::new(PROGRAM)
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&configuration)
            .arg("-e")
            .arg(&error_log)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start `{PROGRAM}`"))?;
        let nginx = Self {
            master,
            address,
            files,
        };
        for _ in 0..500 {
            if Connection::open(address).await.is_ok() {
                return Ok(nginx);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!(
            "nginx does not answer: {}",
            fs::read_to_string(&error_log).unwrap_or_default()
        )
    }

    pub(super) fn id(&self) -> u32 {
        self.master.id()
    }

    /// The head of a request that puts a file of so many bytes under `key`.
    pub(super) fn put(&self, key: &str, file_bytes: u64) -> String {
        format!(
            "PUT /{key} HTTP/1.1\r\nHost: {}\r\nContent-Length: {file_bytes}\r\n\r\n",
            self.address
        )
    }

    /// Throws away what was put.
    pub(super) fn clear(&self) -> Result<()> {
        for entry in fs::read_dir(&self.files).context("cannot list nginx's files")? {
            let path = entry.context("cannot list nginx's files")?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.context("cannot remove nginx's files")?;
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM: the master ends its workers; killed, it would leave them.
        let id = self.master.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.master.wait().ok();
    }
}

fn configure(folder: &Path, address: SocketAddr, is_root: bool) -> String {
    let folder = folder.display();
    // Workers of root would become somebody who may not write here.
    let user = if is_root { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
worker_processes 2;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    keepalive_requests 100000000;
    server {{
        listen {address};
        root {folder}/files;
        location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"
    )
}

fn is_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot run `id`")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

const PROGRAM: &str = "/usr/sbin/nginx";
