//! Who is measured: each contender is started afresh for every round, with an empty folder, and the
//! bytes that it wrote go with it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use xtask::program::Running;

use super::client::{NUMBERLESS, Upload};
use super::nginx::Nginx;
use crate::folder::Folder;
use crate::storage::{BUCKET, Storage};
use crate::upload::Signer;

/// One of those that are measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Contender {
    Upcall,
    Nginx,
    Express,
    Floor,
}

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Upcall => "upcall",
            Self::Nginx => "nginx",
            Self::Express => "Express + multer",
            Self::Floor => "floor",
        }
    }
}

/// How they are started; by default without callbacks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setup {
    /// The application that uploads are to tell.
    pub(super) application: Option<SocketAddr>,
    /// Bits of the key that signs calls; nothing is upcall's default, and the floor's.
    pub(super) key_bits: Option<u32>,
    /// How many calls upcall records; nothing is its default.
    pub(super) record_calls: Option<usize>,
}

impl Setup {
    /// As flags of `upcall serve`.
    fn flags(&self) -> Vec<String> {
        let bits = self
            .key_bits
            .map(|bits| format!("--callback-key-bits={bits}"));
        let calls = self
            .record_calls
            .map(|calls| format!("--record-calls={calls}"));
        bits.into_iter().chain(calls).collect()
    }
}

/// Where they are started.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) upcall: PathBuf,
    pub(super) node: PathBuf,
    pub(super) express: PathBuf,
    pub(super) folder: Folder,
    /// How many were started so far; each has a folder of that name.
    pub(super) started: AtomicU32,
}

impl Stand {
    /// Starts one with nothing stored.
    pub(super) async fn start(&self, contender: Contender) -> Result<Started> {
        self.start_with(contender, &Setup::default()).await
    }

    /// The same, in this way.
    pub(super) async fn start_with(&self, contender: Contender, setup: &Setup) -> Result<Started> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        fs::create_dir_all(&folder).context("cannot make a folder for a contender")?;
        let server = match contender {
            Contender::Upcall => {
                let (data, log) = (folder.join("data"), folder.join("upcall.log"));
                let flags = setup.flags();
                Server::Upcall(Storage::start_with(&self.upcall, &data, &log, &flags).await?)
            }
            Contender::Nginx => Server::Nginx(Nginx::start(&folder).await?),
            Contender::Express => {
                let mut node = Command::new(&self.node);
                node.arg("server.js")
                    .arg(&folder)
                    .args(setup.application.map(|to| format!("http://{to}/callback")))
                    .current_dir(&self.express)
                    .env("NODE_ENV", "production");
                Server::program(node)?
            }
            Contender::Floor => {
                let own = std::env::current_exe().context("cannot find this program's own file")?;
                let mut floor = Command::new(own);
                floor.args(["floor", "--folder"]).arg(&folder);
                if let Some(application) = setup.application {
                    let bits = setup.key_bits.unwrap_or(UPCALL_KEY_BITS);
                    floor.args(["--application", &application.to_string()]);
                    floor.args(["--key-bits", &bits.to_string()]);
                }
                Server::program(floor)?
            }
        };
        Ok(Started {
            server: Some(server),
            folder,
            application: setup.application,
        })
    }
}

/// A contender that runs. It ends, and what it stored goes, when this is dropped.
#[derive(Debug)]
pub(super) struct Started {
    server: Option<Server>,
    folder: PathBuf,
    application: Option<SocketAddr>,
}

#[derive(Debug)]
enum Server {
    Upcall(Storage),
    Nginx(Nginx),
    Other(Running, SocketAddr),
}

impl Server {
    fn program(mut command: Command) -> Result<Self> {
        command.stderr(Stdio::inherit());
        let running = Running::start(command)?;
        let address = running.address("storage")?.parse()?;
        Ok(Self::Other(running, address))
    }
}

impl Started {
    fn server(&self) -> &Server {
        self.server.as_ref().expect("only a drop takes it")
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self.server() {
            Server::Upcall(storage) => storage.address,
            Server::Nginx(nginx) => nginx.address,
            Server::Other(_, address) => *address,
        }
    }

    /// The process, or the parent of those that serve.
    pub(super) fn id(&self) -> u32 {
        match self.server() {
            Server::Upcall(storage) => storage.program.id(),
            Server::Nginx(nginx) => nginx.id(),
            Server::Other(running, _) => running.id(),
        }
    }

    /// upcall itself, for what only it has.
    pub(super) fn upcall(&self) -> Result<&Storage> {
        match self.server() {
            Server::Upcall(storage) => Ok(storage),
            Server::Nginx(_) | Server::Other(..) => bail!("only upcall has that"),
        }
    }

    /// From now on anybody may read what is stored.
    pub(super) async fn publish(&self) -> Result<()> {
        match self.server() {
            Server::Upcall(storage) => storage.publish().await,
            Server::Nginx(_) | Server::Other(..) => Ok(()),
        }
    }

    /// An upload of so many bytes: a form with a signed policy, and with a callback if there is an
    /// application; or what nginx takes instead.
    pub(super) fn upload(&self, file_bytes: usize) -> Result<Upload> {
        if let Server::Nginx(nginx) = self.server() {
            let head = nginx.put(&format!("{KEY}{NUMBERLESS}"), file_bytes as u64);
            return Upload::new(head.into_bytes(), Vec::new(), file_bytes);
        }
        self.upload_to(BUCKET, self.application, file_bytes)
    }

    /// A form for another bucket, or that tells another application.
    pub(super) fn upload_to(
        &self,
        bucket: &'static str,
        application: Option<SocketAddr>,
        file_bytes: usize,
    ) -> Result<Upload> {
        let signer = Signer::for_bucket(bucket, self.address(), application)?;
        let form = signer.form(&format!("{KEY}{NUMBERLESS}"))?;
        let head = signer.form_request(&form, file_bytes as u64);
        let head = [head.as_bytes(), form.head()].concat();
        Upload::new(head, form.tail().to_vec(), file_bytes)
    }

    /// The request that reads what was uploaded under a number.
    pub(super) fn get(&self, number: u64) -> Vec<u8> {
        let bucket = match self.server() {
            Server::Upcall(_) => format!("/{BUCKET}"),
            Server::Nginx(_) | Server::Other(..) => String::new(),
        };
        let address = self.address();
        format!("GET {bucket}/{KEY}{number:012} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.server.take());
        empty(&self.folder).ok();
        // What this one left to the kernel to write is not to fall on the next one.
        Command::new("sync").status().ok();
    }
}

/// Takes the bytes out of all files, and leaves the files until the run is over.
///
/// ext4 gives the inode of a deleted file to nobody for a minute or more, and looks at each of them
/// again for every file that is made: whoever makes files after a round that deleted many is ten
/// times as slow, and would be measured for it.
fn empty(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            empty(&entry.path())?;
        } else if kind.is_file() && entry.metadata()?.len() > 0 {
            File::options()
                .write(true)
                .truncate(true)
                .open(entry.path())?;
        }
    }
    Ok(())
}

/// upcall's default for the key that signs calls.
const UPCALL_KEY_BITS: u32 = 2048;
/// What all keys begin with; the signed policy asks for its first letter.
const KEY: &str = "w/";
