//! The port of looking after the store, as the embedded engine serves it.

use std::path::Path;
use std::sync::Arc;

use super::backup::Held;
use super::scrub::Scrub;
use super::{EmbeddedStore, Engine};
use crate::BoxFuture;
use crate::maintenance::{
    BackupReport, CheckReport, Maintenance, MaintenanceError, RateLimit, ScrubState, Usage,
};

/// The port.
#[derive(Debug)]
pub(super) struct EmbeddedMaintenance {
    pub(super) engine: Arc<Engine>,
    pub(super) scrub: Arc<Scrub>,
}

impl EmbeddedStore {
    /// Reads everything and compares all with all: the catalog's own structure, every object, the log
    /// with the catalog. The store must stand still. Blocks.
    ///
    /// # Errors
    /// [`MaintenanceError`], if it could not be done; damage is no error but what it reports.
    pub fn check(&self, limit: RateLimit) -> Result<CheckReport, MaintenanceError> {
        let _held = Held::hold(&self.engine);
        self.engine.recent.drain()?;
        let mut report = self.engine.check_objects(limit, |_| true)?;
        self.engine.check_catalog(&mut report);
        self.engine.check_log(&mut report)?;
        Ok(report)
    }
}

impl Maintenance for EmbeddedMaintenance {
    fn check(&self, limit: RateLimit) -> BoxFuture<'_, Result<CheckReport, MaintenanceError>> {
        let engine = Arc::clone(&self.engine);
        Box::pin(off_the_runtime(move || {
            // Those that came last are in the index then.
            engine.recent.drain()?;
            engine.check_objects(limit, |_| true)
        }))
    }

    fn backup<'a>(
        &'a self,
        target: &'a Path,
    ) -> BoxFuture<'a, Result<BackupReport, MaintenanceError>> {
        let (engine, target) = (Arc::clone(&self.engine), target.to_owned());
        Box::pin(off_the_runtime(move || engine.backup(&target)))
    }

    fn scrub(&self) -> ScrubState {
        self.scrub.found()
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, MaintenanceError>> {
        let engine = Arc::clone(&self.engine);
        Box::pin(off_the_runtime(move || {
            engine.recent.drain()?;
            let (ends, _) = engine.segments.ends();
            let live = engine.index.live_bytes()?;
            Ok(Usage {
                log_bytes: ends.values().sum(),
                log_live_bytes: live.values().sum(),
                free_bytes: engine.space.space().map_or(0, |space| space.free),
                reserved_bytes: engine.space.reserved(),
            })
        }))
    }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MaintenanceError> + Send + 'static,
) -> Result<T, MaintenanceError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(MaintenanceError::Closed))
}
