//! A program that lives no longer than the test that started it, however that ends.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A running `upcall dev`.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with its data in `folder`, and gives the line that it prints when it is ready.
    pub(crate) fn start(
        program: &OsStr,
        folder: &Path,
        patience: Patience,
    ) -> io::Result<(Self, String)> {
        let mut child = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(program)
            .args(["dev", "--json", "--log", "warn"])
            .args(["--storage", ANY, "--app", ANY, "--admin", ANY])
            .arg("--data")
            .arg(folder)
            .env("UPCALL_TEST_FOLDER", folder)
            .env("UPCALL_TEST_SECONDS", patience.stop.as_secs().to_string())
            .env_remove("UPCALL_ADMIN_SECRET")
            .env_remove("UPCALL_ADMIN_SECRET_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("it was asked for");
        let process = Self(child);
        let line = first_line(stdout, patience.start)?;
        if line.is_empty() {
            return Err(io::Error::other(
                "it ended; its reason is on standard error",
            ));
        }
        Ok((process, line))
    }
}

/// How long a program may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until it is ready.
    pub(crate) start: Duration,
    /// Until it has ended, when it is asked to; then it is killed. Whole seconds.
    pub(crate) stop: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A first start makes a key, on a machine that may be busy with other tests.
            start: Duration::from_secs(60),
            // Uploads and calls under way are let finish.
            stop: Duration::from_secs(20),
        }
    }
}

/// The first line, or nothing if there is none.
fn first_line(stdout: ChildStdout, limit: Duration) -> io::Result<String> {
    let (sender, lines) = channel();
    // It ends with the program's output, and that with the program.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody may be waiting any more.
        let _ = sender.send(read.map(|_| line));
    });
    match lines.recv_timeout(limit) {
        Ok(line) => line,
        Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it did not say within {limit:?} that it is ready"),
        )),
        Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It may have ended already.
        let _ = self.0.wait();
    }
}

/// Runs the program until standard input closes, which it does when the test's process ends, also if it
/// is killed or keeps its server in a `static`. Standard output is the program's alone, so that its end is
/// seen.
const KEEPER: &str = "\"$0\" \"$@\" </dev/null & running=$!\n\
     exec >/dev/null\n\
     read -r _\n\
     kill $running 2>/dev/null\n\
     ( sleep \"$UPCALL_TEST_SECONDS\" & nap=$!\n\
       trap 'kill $nap; exit' TERM\n\
       wait $nap\n\
       kill -9 $running ) 2>/dev/null & watch=$!\n\
     wait $running\n\
     kill $watch\n\
     wait $watch\n\
     rm -rf -- \"$UPCALL_TEST_FOLDER\"";

/// Any free port of this machine.
const ANY: &str = "127.0.0.1:0";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    const HASTY: Patience = Patience {
        start: Duration::from_millis(500),
        stop: Duration::from_secs(1),
    };

    /// Runs a script in the place of the program; its folder is to go with it.
    fn start(script: &str) -> (io::Result<(Process, String)>, tempfile::TempDir) {
        let outer = tempfile::tempdir().unwrap();
        let program = outer.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let folder = outer.path().join("data");
        std::fs::create_dir(&folder).unwrap();
        (Process::start(program.as_os_str(), &folder, HASTY), outer)
    }

    fn is_running(pid: &str) -> bool {
        let asked = Command::new("kill")
            .args(["-0", pid])
            .stderr(Stdio::null())
            .status();
        asked.unwrap().success()
    }

    #[test]
    fn a_program_that_says_nothing_is_not_waited_for_for_ever() {
        let began = Instant::now();
        let (hung, outer) = start("exec sleep 600");
        let hung = hung.unwrap_err();
        assert_eq!(hung.kind(), io::ErrorKind::TimedOut, "{hung}");
        assert!(began.elapsed() < Duration::from_secs(60));
        assert!(!outer.path().join("data").exists());

        let (ended, outer) = start("exit 3");
        let ended = ended.unwrap_err().to_string();
        assert!(ended.contains("it ended"), "{ended}");
        assert!(!outer.path().join("data").exists());
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_one_that_does_is_not_waited_for() {
        let began = Instant::now();
        let (started, outer) = start("trap '' TERM; echo $$; while :; do sleep 0.1; done");
        let (process, pid) = started.unwrap();
        assert!(is_running(pid.trim()));
        drop(process);
        assert!(!is_running(pid.trim()));
        assert!(began.elapsed() >= HASTY.stop, "it was let finish");
        assert!(!outer.path().join("data").exists());

        let (started, _outer) = start("echo $$; exec sleep 600");
        let (process, pid) = started.unwrap();
        let began = Instant::now();
        drop(process);
        assert!(!is_running(pid.trim()));
        assert!(began.elapsed() < HASTY.stop, "{:?}", began.elapsed());
    }
}
