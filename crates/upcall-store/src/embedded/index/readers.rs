//! Connections that read, made when they are needed and kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use crate::catalog::CatalogError;

/// The readers of one catalog.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// `None` when the catalog is closed.
    idle: Arc<Mutex<Option<Vec<Connection>>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(Some(Vec::new()))),
            permits: Arc::new(Semaphore::new(MOST)),
        }
    }

    /// Reads on this thread, which may wait for the disk.
    pub(in crate::embedded) fn run<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let idle = self.lock().as_mut().ok_or(CatalogError::Closed)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::open_to_read(&self.path)?,
        };
        let result = read(&connection);
        // One that failed may stay as it is; the next reader gets a new one.
        if !matches!(result, Err(CatalogError::Engine(_)))
            && let Some(idle) = self.lock().as_mut()
        {
            idle.push(connection);
        }
        result
    }

    /// Reads on a thread that may wait for the disk.
    pub(super) async fn run_off_the_runtime<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| CatalogError::Closed)?;
        let readers = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.run(read)
        });
        result.await.unwrap_or(Err(CatalogError::Closed))
    }

    /// Those that read now end; there are no new ones.
    pub(super) fn close(&self) {
        self.permits.close();
        drop(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readers at a time, each with its cache: more would wait for the same disk.
const MOST: usize = 8;
