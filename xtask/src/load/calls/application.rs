//! The application, as a process of its own that may be killed: it writes down what it decides before
//! it answers, and decides the same for the same request id each time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use xtask::arguments::Arguments;

use super::journal::Journal;
use super::start_self;
use crate::http::find_blank_line;
use crate::random::Random;

/// Whether the application wants an upload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Yes,
    No,
}

impl Verdict {
    /// Seven in ten are wanted.
    pub(super) fn of(request_id: &str, seed: u64) -> Self {
        let folded = request_id
            .bytes()
            .fold(seed, |sum, byte| sum.rotate_left(7) ^ u64::from(byte));
        if Random::new(folded).below(10) < 7 {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// The running process.
#[derive(Debug)]
pub(super) struct Running(Option<Child>);

impl Running {
    pub(super) fn start(journal: &Journal, port: u16, seed: u64) -> Result<Self> {
        let mut child = start_self(&[
            "application".to_owned(),
            "--journal".to_owned(),
            journal.path().display().to_string(),
            "--port".to_owned(),
            port.to_string(),
            "--seed".to_owned(),
            seed.to_string(),
        ])?;
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("the application says when it is ready")?;
        Ok(Self(Some(child)))
    }

    pub(super) fn is_running(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.0.take() {
            child.kill().context("cannot kill the application")?;
            child.wait().context("cannot wait for the application")?;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Is the application, until it is killed.
pub(crate) async fn serve(mut arguments: Arguments) -> Result<()> {
    let journal: std::path::PathBuf = arguments
        .take_value("--journal")?
        .context("`--journal` is missing")?;
    let port: u16 = arguments
        .take_value("--port")?
        .context("`--port` is missing")?;
    let seed: u64 = arguments
        .take_value("--seed")?
        .context("`--seed` is missing")?;
    let mut file = File::options().create(true).append(true).open(journal)?;
    // What a kill tore ends here.
    file.write_all(b"\n")?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(1024)?;
    println!("ready");
    let file = Arc::new(Mutex::new(file));
    // Busy at other moments in each life.
    let moods = Arc::new(Mutex::new(Random::new(
        seed ^ u64::from(std::process::id()),
    )));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer_all(
            stream,
            Arc::clone(&file),
            Arc::clone(&moods),
            seed,
        ));
    }
}

async fn answer_all(
    mut stream: TcpStream,
    journal: Arc<Mutex<File>>,
    moods: Arc<Mutex<Random>>,
    seed: u64,
) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some((request, length)) = whole_request(&buffer) {
            let is_busy = moods
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .below(12)
                == 0;
            let answer = if is_busy {
                plain("503 Busy", "{\"busy\":true}")
            } else {
                decide(&request, &journal, seed)
            };
            buffer.drain(..length);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

fn decide(request: &Request, journal: &Mutex<File>, seed: u64) -> String {
    let Request { key, id } = request;
    let verdict = Verdict::of(id, seed);
    let line = format!("{id} {key} {verdict:?}\n");
    let mut file = journal.lock().unwrap_or_else(PoisonError::into_inner);
    if file.write_all(line.as_bytes()).is_err() {
        return plain("500 Full", "{}");
    }
    let body = format!("{{\"id\":\"{id}\"}}");
    match verdict {
        Verdict::Yes => plain("200 OK", &body),
        Verdict::No => plain("422 No", &body),
    }
}

fn plain(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

struct Request {
    key: String,
    id: String,
}

/// The first request and its length, once all of it is there.
fn whole_request(buffer: &[u8]) -> Option<(Request, usize)> {
    let head_length = find_blank_line(buffer)?;
    let head = std::str::from_utf8(&buffer[..head_length]).ok()?;
    let length: usize = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse().ok())?
    })?;
    let whole = head_length + length;
    let body = std::str::from_utf8(buffer.get(head_length..whole)?).ok()?;
    let value = |name: &str| {
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(found, _)| *found == name);
        found.next().map(|(_, value)| value.replace("%2F", "/"))
    };
    let request = Request {
        key: format!("{}/{}", value("bucket")?, value("object")?),
        id: value("id")?,
    };
    Some((request, whole))
}
