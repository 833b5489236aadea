//! The one writer: a thread that takes every waiting change into one transaction.
//!
//! In: changes, as closures over the connection. Out: their results, after the flush that made all
//! of them durable. Each change has a savepoint of its own, so that one that fails leaves nothing
//! behind and takes no other down; what fails the transaction (a full disk) fails all of them.
//!
//! A change whose caller has gone is still made: what was queued is all or none of it, never half.
//! What is asked through the queue knows every change that was queued before.
//!
//! After the answers, and only then, the log is copied into the file when it has grown.

use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{connection, schema};
use crate::catalog::{CatalogError, EngineFault};

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Change>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(path: &Path) -> Result<Self, CatalogError> {
        let mut worker = Worker::open(path)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("catalog".to_owned())
            .spawn(move || worker.run(receiver))
            .map_err(|error| CatalogError::Engine(EngineFault::new(error, false)))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Makes a change; returns when it is durable.
    pub(super) async fn change<T, F>(&self, apply: F) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    {
        self.change_then(apply, |result| result).await
    }

    /// Makes a change; when it is durable, `then` turns what it gave into the result. `then` runs in
    /// the order of the changes and whether or not the caller is still there.
    pub(super) async fn change_then<T, U, F, A>(&self, apply: F, then: A) -> Result<U, CatalogError>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
        A: FnOnce(T) -> U + Send + 'static,
    {
        let (change, answer) = Typed::boxed(apply, then);
        let queue = self.queue()?;
        let queued = queue.send(change).await;
        queued.map_err(|_| CatalogError::Closed)?;
        answer.await.map_err(|_| CatalogError::Closed)?
    }

    /// Asks in the order of the changes. Blocks; not for the runtime's threads.
    pub(super) fn ask_blocking<T, F>(&self, ask: F) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    {
        let (change, answer) = Typed::boxed(ask, |result| result);
        let queued = self.queue()?.blocking_send(change);
        queued.map_err(|_| CatalogError::Closed)?;
        answer.blocking_recv().map_err(|_| CatalogError::Closed)?
    }

    /// Ends when every queued change is durable. Blocks.
    pub(super) fn close(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the catalog's writer did not end well");
        }
    }

    fn queue(&self) -> Result<mpsc::Sender<Box<dyn Change>>, CatalogError> {
        lock(&self.queue).clone().ok_or(CatalogError::Closed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A change, whatever its result is.
trait Change: Send {
    /// Makes it, as part of a transaction.
    fn apply(&mut self, connection: &Connection) -> Result<(), CatalogError>;
    /// Tells the caller, when it is known what became of the transaction.
    fn settle(self: Box<Self>, flushed: Result<(), CatalogError>);
}

struct Typed<T, U, F, A> {
    apply: Option<F>,
    result: Option<Result<T, CatalogError>>,
    then: A,
    sender: oneshot::Sender<Result<U, CatalogError>>,
}

impl<T, U, F, A> Typed<T, U, F, A>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    A: FnOnce(T) -> U + Send + 'static,
{
    fn boxed(apply: F, then: A) -> (Box<dyn Change>, oneshot::Receiver<Result<U, CatalogError>>) {
        let (sender, receiver) = oneshot::channel();
        let change = Self {
            apply: Some(apply),
            result: None,
            then,
            sender,
        };
        (Box::new(change), receiver)
    }
}

impl<T, U, F, A> Change for Typed<T, U, F, A>
where
    T: Send,
    U: Send,
    F: FnOnce(&Connection) -> Result<T, CatalogError> + Send,
    A: FnOnce(T) -> U + Send,
{
    fn apply(&mut self, connection: &Connection) -> Result<(), CatalogError> {
        let apply = self.apply.take().ok_or(CatalogError::Closed)?;
        let result = apply(connection);
        let outcome = result.as_ref().map(drop).map_err(Clone::clone);
        self.result = Some(result);
        outcome
    }

    fn settle(self: Box<Self>, flushed: Result<(), CatalogError>) {
        let Self {
            result,
            then,
            sender,
            ..
        } = *self;
        let result = match (flushed, result) {
            (Ok(()), Some(result)) => result.map(then),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(CatalogError::Closed),
        };
        // The caller may have gone.
        let _ = sender.send(result);
    }
}

/// The writer's own side.
struct Worker {
    connection: Connection,
    /// How many pages the log has; the connection counts.
    log_pages: Arc<AtomicI32>,
    /// A commit failed, and nobody knows how much of it is on the disk. A crash now might bring it
    /// to life, so nothing may be concluded from what the tables say until a later commit, which
    /// takes its place in the log, has come through.
    is_in_doubt: bool,
}

impl Worker {
    fn open(path: &Path) -> Result<Self, CatalogError> {
        let mut connection = connection::open_to_write(path)?;
        let log_pages = Arc::new(AtomicI32::new(0));
        let counter = Arc::clone(&log_pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counter.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            connection,
            log_pages,
            is_in_doubt: false,
        })
    }

    fn run(&mut self, mut queue: mpsc::Receiver<Box<dyn Change>>) {
        let mut group: Vec<Box<dyn Change>> = Vec::with_capacity(GROUP);
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            while group.len() < GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            let flushed = self.commit(&mut group);
            for change in group.drain(..) {
                change.settle(flushed.clone());
            }
            self.copy_log();
        }
        self.checkpoint("TRUNCATE");
    }

    fn commit(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), CatalogError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let committed = self
            .apply(group)
            .and_then(|()| Ok(self.connection.execute_batch("COMMIT")?));
        self.is_in_doubt = committed.is_err();
        if let Err(error) = &committed {
            tracing::error!(%error, changes = group.len(), "a transaction of the catalog failed");
            if !self.connection.is_autocommit() {
                // If this fails too, the next BEGIN fails and says so.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        committed
    }

    fn apply(&self, group: &mut [Box<dyn Change>]) -> Result<(), CatalogError> {
        if self.is_in_doubt {
            // Writes a page even if no change does.
            self.connection
                .pragma_update(None, "user_version", schema::VERSION)?;
        }
        for change in group {
            self.statement("SAVEPOINT change")?;
            let applied = change.apply(&self.connection);
            if self.connection.is_autocommit() {
                // It failed so badly that SQLite took the whole transaction back.
                return Err(applied.err().unwrap_or(CatalogError::Closed));
            }
            if applied.is_err() {
                self.statement("ROLLBACK TO change")?;
            }
            self.statement("RELEASE change")?;
        }
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<(), CatalogError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Copies the log into the file when it is long; by force when readers have kept it from being
    /// begun anew for long.
    fn copy_log(&self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages >= LOG_PAGES_AT_MOST {
            self.checkpoint("RESTART");
        } else if pages >= LOG_PAGES {
            self.checkpoint("PASSIVE");
        }
    }

    fn checkpoint(&self, mode: &str) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        // What is in the log is durable already: a failure costs space, and is tried again.
        if let Err(error) = self.connection.query_row(&sql, [], |_| Ok(())) {
            tracing::error!(%error, "the catalog's log could not be copied into its file");
        }
    }
}

/// Changes that may wait; whoever comes then waits for a place.
const QUEUE: usize = 4096;

/// Changes in one transaction: enough to share a flush among all that wait, few enough that the first
/// of them does not wait long for the last.
const GROUP: usize = 512;

/// Pages (4 KiB) of the log after which it is copied into the file: 16 MiB.
const LOG_PAGES: i32 = 4096;

/// Pages of the log after which the writer waits for readers so that it can be begun anew: 64 MiB.
const LOG_PAGES_AT_MOST: i32 = 4 * LOG_PAGES;

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<(), CatalogError>>;

    /// A writer without its thread, over a table of one column.
    fn worker(folder: &tempfile::TempDir) -> Worker {
        let worker = Worker::open(&folder.path().join("catalog.sqlite")).unwrap();
        let table = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB NOT NULL)";
        worker.connection.execute_batch(table).unwrap();
        worker
    }

    /// A change that writes, and then gives this result.
    fn insert(
        number: i64,
        bytes: usize,
        result: Result<(), CatalogError>,
    ) -> (Box<dyn Change>, Answer) {
        let apply = move |connection: &Connection| {
            connection.execute(
                "INSERT INTO numbers VALUES (?, zeroblob(?))",
                rusqlite::params![number, i64::try_from(bytes).unwrap()],
            )?;
            result
        };
        Typed::boxed(apply, |()| ())
    }

    fn run(
        worker: &mut Worker,
        changes: Vec<(Box<dyn Change>, Answer)>,
    ) -> Vec<Result<(), CatalogError>> {
        let (mut group, answers): (Vec<_>, Vec<Answer>) = changes.into_iter().unzip();
        let flushed = worker.commit(&mut group);
        for change in group {
            change.settle(flushed.clone());
        }
        answers
            .into_iter()
            .map(|mut answer| answer.try_recv().unwrap())
            .collect()
    }

    fn numbers(worker: &Worker) -> Vec<i64> {
        let mut statement = worker
            .connection
            .prepare("SELECT number FROM numbers")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn a_change_that_fails_after_it_wrote_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        let refused = Err(CatalogError::ObjectExists);
        let answers = run(
            &mut worker,
            vec![
                insert(1, 0, Ok(())),
                insert(2, 0, refused),
                insert(3, 0, Ok(())),
            ],
        );
        assert!(
            matches!(
                answers[..],
                [Ok(()), Err(CatalogError::ObjectExists), Ok(())]
            ),
            "{answers:?}"
        );
        assert_eq!(numbers(&worker), [1, 3]);
    }

    #[test]
    fn on_a_full_disk_the_answers_say_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        worker
            .connection
            .pragma_update(None, "max_page_count", 20)
            .unwrap();
        let answers = run(
            &mut worker,
            vec![
                insert(1, 10, Ok(())),
                insert(2, 1_000_000, Ok(())),
                insert(3, 10, Ok(())),
            ],
        );
        let full = answers[1].as_ref().unwrap_err();
        assert!(full.is_out_of_space(), "{full:?}");
        let told: Vec<i64> = (1..)
            .zip(&answers)
            .filter(|(_, answer)| answer.is_ok())
            .map(|(number, _)| number)
            .collect();
        assert_eq!(numbers(&worker), told);

        worker
            .connection
            .pragma_update(None, "max_page_count", 10_000)
            .unwrap();
        let answers = run(&mut worker, vec![insert(4, 1_000_000, Ok(()))]);
        assert!(answers[0].is_ok(), "{answers:?}");
    }

    /// A commit that failed may be half on the disk. The next answer, even to a question, comes only
    /// after something was written in its place.
    #[test]
    fn after_a_failed_commit_a_question_is_answered_behind_a_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        // `true`: the commit turns into a rollback and an error.
        worker.connection.commit_hook(Some(|| true)).unwrap();
        let answers = run(
            &mut worker,
            vec![insert(1, 0, Ok(())), insert(2, 0, Ok(()))],
        );
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
        assert!(worker.is_in_doubt);
        worker.connection.commit_hook(None::<fn() -> bool>).unwrap();

        worker.log_pages.store(0, Ordering::Relaxed);
        let question = || Typed::boxed(|_: &Connection| Ok(()), |()| ());
        assert!(run(&mut worker, vec![question()])[0].is_ok());
        assert!(!worker.is_in_doubt);
        assert!(
            worker.log_pages.load(Ordering::Relaxed) > 0,
            "nothing was written"
        );

        worker.log_pages.store(0, Ordering::Relaxed);
        assert!(run(&mut worker, vec![question()])[0].is_ok());
        assert_eq!(
            worker.log_pages.load(Ordering::Relaxed),
            0,
            "a question costs no flush"
        );
        assert_eq!(numbers(&worker), [0_i64; 0]);
    }

    /// The log does not grow without end.
    #[test]
    fn the_log_is_copied_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(&folder);
        for number in 0..60 {
            let answers = run(&mut worker, vec![insert(number, 1_000_000, Ok(()))]);
            assert!(answers[0].is_ok(), "{answers:?}");
            worker.copy_log();
        }
        let log = folder.path().join("catalog.sqlite-wal");
        let most = u64::try_from(LOG_PAGES).unwrap() * 4096;
        let length = std::fs::metadata(log).unwrap().len();
        assert!(length < most + most / 4, "the log has {length} bytes");
    }
}
