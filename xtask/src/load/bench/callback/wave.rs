//! Uploads that all end at the same time and then wait for the application: so many that they could not
//! be made one after the other before the first of them stops waiting. Everything but the last bytes of
//! each is sent before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinSet;

use crate::bench::client::Upload;
use crate::http::Connection;
use crate::random::Random;

/// Uploads that are all but sent.
#[derive(Debug)]
pub(super) struct Wave {
    connections: Vec<Connection>,
    tail: Arc<[u8]>,
}

impl Wave {
    /// Opens so many connections, and sends on each one of the two uploads, which differ in their
    /// applications, up to the end of the file.
    pub(super) async fn gather(
        address: SocketAddr,
        uploads: &[Upload; 2],
        count: u64,
    ) -> Result<Self> {
        let file: Arc<[u8]> = Random::new(8).bytes(uploads[0].file_bytes()).into();
        let mut openers = JoinSet::new();
        // Several at a time: alone, each would wait for its turn on a busy machine.
        for opener in 0..OPENERS {
            let (mut upload, file) = (uploads[opener % 2].clone(), Arc::clone(&file));
            openers.spawn(async move {
                let mut connections = Vec::new();
                for number in (opener as u64..count).step_by(OPENERS) {
                    upload.set_number(number);
                    let mut connection = open(address).await?;
                    let head = [upload.around_file().0, &file].concat();
                    let sent = connection.send(&head).await;
                    sent.context("the server took only part of an upload")?;
                    connections.push(connection);
                }
                anyhow::Ok(connections)
            });
        }
        let mut connections = Vec::new();
        while let Some(opened) = openers.join_next().await {
            connections.extend(opened??);
        }
        let tail = uploads[0].around_file().1.into();
        Ok(Self { connections, tail })
    }

    /// Sends what is left of all of them.
    pub(super) fn release(self) -> Released {
        let answered = Arc::new(AtomicU64::new(0));
        let count = self.connections.len() as u64;
        let began = Instant::now();
        let mut answers = JoinSet::new();
        for mut connection in self.connections {
            let (tail, answered) = (Arc::clone(&self.tail), Arc::clone(&answered));
            answers.spawn(async move {
                let answer = connection.exchange(&tail).await;
                answered.fetch_add(1, Ordering::Relaxed);
                let answer = answer.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
                let ending = Ending::of(answer.status, &answer.body)?;
                anyhow::Ok((ending, began.elapsed()))
            });
        }
        Released {
            began,
            count,
            answered,
            answers,
        }
    }
}

/// Opens a connection that the server has taken, which only an answer shows: those that wait to be taken
/// are few, and the kernel has one too many try again after a second.
async fn open(address: SocketAddr) -> Result<Connection> {
    let connection = Connection::open(address).await;
    let mut connection = connection.context("the server takes no connection")?;
    let request = format!("GET /nobody HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = connection.exchange(request.as_bytes()).await;
    let answer = answer.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
    ensure!(!answer.is_last, "the server does not keep the connection");
    Ok(connection)
}

/// Uploads that have been sent.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) began: Instant,
    pub(super) count: u64,
    answered: Arc<AtomicU64>,
    answers: JoinSet<Result<(Ending, Duration)>>,
}

impl Released {
    /// How many have their answer already.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits for all answers; an error if one of them is none of the two that there may be.
    pub(super) async fn end(mut self) -> Result<Ended> {
        let mut ended = Ended::default();
        while let Some(answer) = self.answers.join_next().await {
            let (ending, took) = answer??;
            ended.crowded += u32::from(ending == Ending::Crowded);
            ended.longest = ended.longest.max(took);
        }
        Ok(ended)
    }
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Those that were told of too many.
    pub(super) crowded: u32,
    /// From the moment in which all were sent.
    pub(super) longest: Duration,
}

/// How an upload to an application that does not answer may end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    TimedOut,
    Crowded,
}

impl Ending {
    fn of(status: u16, body: &[u8]) -> Result<Self> {
        let body = String::from_utf8_lossy(body);
        match status {
            203 if body.contains("<Message>Cost too long time.</Message>") => Ok(Self::TimedOut),
            203 if body.contains("<Message>Too many callback requests.</Message>") => {
                Ok(Self::Crowded)
            }
            _ => bail!("an application that does not answer was answered {status}: {body}"),
        }
    }
}

/// Those that open connections at the same time.
const OPENERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_to_an_application_that_does_not_answer_ends_in_one_of_two_ways() {
        let late = b"<Error><Message>Cost too long time.</Message></Error>";
        let crowded = b"<Error><Message>Too many callback requests.</Message></Error>";
        assert_eq!(Ending::of(203, late).unwrap(), Ending::TimedOut);
        assert_eq!(Ending::of(203, crowded).unwrap(), Ending::Crowded);
        assert!(Ending::of(200, late).is_err());
        assert!(Ending::of(203, b"Error status : 502.").is_err());
    }
}
