//! A program that lives no longer than the test that started it, however that ends.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `upcall dev`.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with its data in `folder`, and gives the line that it prints when it is ready.
    pub(crate) fn start(program: &OsStr, folder: &Path) -> io::Result<(Self, String)> {
        let mut child = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(program)
            .args(["dev", "--json", "--log", "warn"])
            .args(["--storage", ANY, "--app", ANY, "--admin", ANY])
            .arg("--data")
            .arg(folder)
            .env("UPCALL_TEST_FOLDER", folder)
            .env_remove("UPCALL_ADMIN_SECRET")
            .env_remove("UPCALL_ADMIN_SECRET_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("it was asked for");
        let process = Self(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other(
                "it ended; its reason is on standard error",
            ));
        }
        Ok((process, line))
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
/// is killed or keeps its server in a `static`. Standard output is the program's alone, so that its end
/// is seen.
const KEEPER: &str = "\"$0\" \"$@\" </dev/null & running=$!\n\
     exec >/dev/null\n\
     read -r _\n\
     kill $running 2>/dev/null\n\
     wait $running\n\
     rm -rf -- \"$UPCALL_TEST_FOLDER\"";

/// Any free port of this machine.
const ANY: &str = "127.0.0.1:0";
