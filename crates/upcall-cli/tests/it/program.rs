//! The program `upcall`, with an environment of its own: once to its end, or as long as a test runs.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything here takes, also on a busy machine; a test that gets here has hung.
pub(crate) const HUNG: Duration = Duration::from_secs(60);

/// Any free port of this machine.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// What is typed, and the environment it is typed in, which has nothing else.
pub(crate) struct Upcall(Command);

impl Upcall {
    pub(crate) fn new(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upcall"));
        command.env_clear().args(words).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    /// `upcall dev --json` on free ports.
    pub(crate) fn dev(data: &Path) -> Self {
        Self::new(&["dev", "--json", "--storage", ANY, "--app", ANY])
            .and(&["--admin", ANY])
            .data(data)
    }

    /// `upcall serve --json` on free ports.
    pub(crate) fn serve(data: &Path) -> Self {
        Self::new(&["serve", "--json", "--listen", ANY, "--admin", ANY]).data(data)
    }

    /// `upcall serve`, started, with the bucket `open` that anybody may write to.
    pub(crate) fn serve_open(data: &Path) -> Running {
        let serve = Self::serve(data).start();
        Self::new(&["bucket", "create", "open", "--acl", "public-read-write"])
            .data(data)
            .run()
            .done();
        serve
    }

    pub(crate) fn and(mut self, words: &[&str]) -> Self {
        self.0.args(words);
        self
    }

    pub(crate) fn data(mut self, data: &Path) -> Self {
        self.0.arg("--data").arg(data);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it in the hands of another program, which is given these words first.
    pub(crate) fn under(self, words: &[&str]) -> Self {
        let (program, rest) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command.env_clear().args(rest).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.arg(self.0.get_program()).args(self.0.get_args());
        for (name, value) in self.0.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Self(command)
    }

    /// Runs to the end.
    pub(crate) fn run(self) -> Ended {
        let mut running = self.spawn();
        running.end()
    }

    /// Waits for the line that says that everything is up.
    pub(crate) fn start(self) -> Running {
        match self.try_start() {
            Ok(running) => running,
            Err(ended) => panic!("it did not start: {ended:?}"),
        }
    }

    /// As [`start`](Self::start), of a server that may have a reason not to.
    pub(crate) fn try_start(self) -> Result<Running, Ended> {
        let mut running = self.spawn();
        let Ok(line) = running.stdout.recv_timeout(HUNG) else {
            return Err(running.end());
        };
        running.ready = serde_json::from_str(&line).unwrap();
        Ok(running)
    }

    /// Waits for nothing.
    pub(crate) fn spawn(mut self) -> Running {
        let mut child = self.0.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
            said: Vec::new(),
            ready: Value::Null,
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Exit code 0; what it printed.
    pub(crate) fn done(self) -> String {
        assert_eq!(self.status.code(), Some(0), "{self:?}");
        self.stdout
    }

    pub(crate) fn done_json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// Exit code 2, nothing on stdout; what it said on stderr.
    pub(crate) fn not_done(self) -> String {
        assert_eq!(self.status.code(), Some(2), "{self:?}");
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

/// A process that goes when the test does.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    said: Vec<String>,
    /// Its first line.
    pub(crate) ready: Value,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A member of its first line that is a text.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.ready[member].as_str().unwrap()
    }

    /// Host and port of one of its addresses.
    pub(crate) fn address(&self, member: &str) -> &str {
        self.text(member).strip_prefix("http://").unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// What it prints on stdout up to the line in which `part` occurs.
    pub(crate) fn prints(&mut self, part: &str) -> String {
        let mut printed = String::new();
        while !printed.contains(part) {
            let Ok(line) = self.stdout.recv_timeout(HUNG) else {
                panic!("it never printed `{part}`, but {printed:?}");
            };
            printed += &line;
            printed.push('\n');
        }
        printed
    }

    /// The next line on stdout, if it comes in this time and `part` occurs in it.
    pub(crate) fn prints_within(&mut self, part: &str, limit: Duration) -> Option<String> {
        let line = self.stdout.recv_timeout(limit).ok()?;
        line.contains(part).then_some(line)
    }

    /// The next line on stderr in which `part` occurs.
    pub(crate) fn says(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.stderr.recv_timeout(HUNG) else {
                panic!("it never said `{part}`, but {:?}", self.said);
            };
            self.said.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(mut self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for its end; the lines that were read before are not in the stdout of it.
    pub(crate) fn end(&mut self) -> Ended {
        let until = Instant::now() + HUNG;
        let stdout = rest(&self.stdout, until);
        self.said.extend(rest(&self.stderr, until));
        if Instant::now() >= until {
            self.child.kill().unwrap();
            panic!("it did not end: {:?}", self.said);
        }
        let text = |lines: &[String]| {
            let ended = lines.iter().flat_map(|line| [line.as_str(), "\n"]);
            ended.collect()
        };
        Ended {
            status: self.child.wait().unwrap(),
            stdout: text(&stdout),
            stderr: text(&self.said),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, until the pipe is closed.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver): (Sender<String>, _) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if line.map_or(true, |line| sender.send(line).is_err()) {
                return;
            }
        }
    });
    receiver
}

fn rest(lines: &Receiver<String>, until: Instant) -> Vec<String> {
    let mut rest = Vec::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        rest.push(line);
    }
    rest
}
