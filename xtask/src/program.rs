//! The program `upcall`, running: started, asked where it listens, killed or asked to stop.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A running `upcall`. Killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    /// Starts `command`, which has `--json` among its arguments, and waits for its first line.
    ///
    /// What it writes to standard error goes where `command` says.
    ///
    /// # Errors
    /// If it does not start, or says within [`START_LIMIT`] nothing that is JSON.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `upcall`")?;
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        match first_line(stdout) {
            Ok(ready) => Ok(Self { child, ready }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    /// A member of the first line, a text.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn text(&self, name: &str) -> Result<&str> {
        let text = self.ready[name].as_str();
        text.with_context(|| format!("the first line of `upcall` has no text `{name}`"))
    }

    /// An address of the first line, without scheme and path: `127.0.0.1:8700`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn address(&self, name: &str) -> Result<&str> {
        let url = self.text(name)?;
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        Ok(rest.split('/').next().unwrap_or(rest))
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would: `SIGKILL`, nothing is flushed or said.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("cannot kill `upcall`")?;
        self.child.wait().context("cannot wait for `upcall`")?;
        Ok(())
    }

    /// Asks it to end, as `systemd` and `docker` do: `SIGTERM`.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn ask_to_stop(&self) -> Result<()> {
        let id = self.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status();
        anyhow::ensure!(
            status.context("cannot run `kill`")?.success(),
            "no SIGTERM to {id}"
        );
        Ok(())
    }

    /// Waits for the end, [`STOP_LIMIT`] at most.
    ///
    /// # Errors
    /// If it does not come.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let since = Instant::now();
        while since.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait().context("cannot wait for `upcall`")? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("`upcall` was asked to stop and still runs after {STOP_LIMIT:?}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The command `program serve` on free ports of the loopback address, with a data folder of its own
/// and callbacks allowed to the loopback address. The secrets are these programs' own.
pub fn serve(program: &Path, data: &Path) -> Command {
    // The usual limit on open files is below the number of peers that some chores bring.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$@\"", "sh"])
        .arg(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--callback-allow", "loopback", "--json", "--data"])
        .arg(data)
        .env("UPCALL_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("UPCALL_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET)
        .env("UPCALL_ADMIN_SECRET", ADMIN_SECRET);
    command
}

/// The first line, parsed. The rest is read and thrown away, so that the program never waits for us.
fn first_line(stdout: impl Read + Send + 'static) -> Result<Value> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        let read = lines.read_line(&mut line).map(|_| line);
        if sender.send(read).is_ok() {
            std::io::copy(&mut lines, &mut std::io::sink()).ok();
        }
    });
    let line = receiver
        .recv_timeout(START_LIMIT)
        .with_context(|| format!("`upcall` said nothing for {START_LIMIT:?}"))?
        .context("cannot read what `upcall` says")?;
    if line.is_empty() {
        bail!("`upcall` ended before it was ready");
    }
    serde_json::from_str(&line).with_context(|| format!("no JSON: {line}"))
}

/// The root key that [`serve`] gives to a server.
pub const ACCESS_KEY_ID: &str = "chores";
/// Its secret: of servers that live for a minute on the loopback address.
pub const ACCESS_KEY_SECRET: &str = "a secret of the chores, for no one else";
/// What opens the admin interface of such a server.
pub const ADMIN_SECRET: &str = "c403e5c403e5c403e5c403e5c403e5c403e5c403e5c403e5c403e5c403e5c4e5";
/// A start that finds a store of a crashed run reads its journal first. Longer is a fault.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A server that stops lets running requests finish for a minute; a margin on top.
const STOP_LIMIT: Duration = Duration::from_secs(70);
