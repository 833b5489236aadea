//! A file on its way out, window by window, each in memory before it is sent.
//!
//! In: a range of a file. Out: its windows, one after the other, whose bytes the system has in its
//! page cache. `sendfile` would otherwise wait for the disk in a thread that serves other
//! connections too; so a window that is not in memory is read first by a thread that may wait, which
//! goes on with the window after it while the first is sent.
//!
//! The system may drop a window again before it is sent (a slow reader, little memory). Then
//! `sendfile` waits for the disk after all: for one piece of 256 KiB, which is borne.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;
use upcall_store::blobs::FileRange;

/// A range of a file that is read once, from its beginning.
#[derive(Debug)]
pub(crate) struct WarmFile {
    left: FileRange,
    warming: Option<JoinHandle<io::Result<()>>>,
    /// Bytes since others had their turn.
    at_a_stretch: u64,
}

impl WarmFile {
    pub(crate) fn new(bytes: FileRange) -> Self {
        Self {
            left: bytes,
            warming: None,
            at_a_stretch: 0,
        }
    }

    /// The next window; `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<FileRange>>> {
        let Range { start, end } = self.left.range;
        if start >= end {
            return Poll::Ready(None);
        }
        if self.at_a_stretch >= STRETCH_BYTES {
            self.at_a_stretch = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let window = window(start, end);
        if self.warming.is_none() && !is_warm(&self.left.file, &window) {
            self.warm(&window);
        }
        if let Some(warming) = &mut self.warming {
            let warmed = ready!(Pin::new(warming).poll(cx));
            self.warming = None;
            if let Err(error) = warmed.map_err(io::Error::other).flatten() {
                self.left.range.start = end;
                return Poll::Ready(Some(Err(error)));
            }
            // Where one was cold, the next one is too: it is read while this one is sent.
            let next = self::window(window.end, end);
            if !next.is_empty() && !is_warm(&self.left.file, &next) {
                self.warm(&next);
            }
        }
        self.left.range.start = window.end;
        self.at_a_stretch += window.end - window.start;
        Poll::Ready(Some(Ok(FileRange {
            file: Arc::clone(&self.left.file),
            range: window,
        })))
    }

    fn warm(&mut self, window: &Range<u64>) {
        let (file, window) = (Arc::clone(&self.left.file), window.clone());
        self.warming = Some(tokio::task::spawn_blocking(move || warm(&file, window)));
    }
}

fn window(start: u64, end: u64) -> Range<u64> {
    start..end.min(start.saturating_add(WINDOW_BYTES))
}

/// Whether the window seems to be in memory: a look at a few of its bytes.
#[cfg(target_os = "linux")]
fn is_warm(file: &File, window: &Range<u64>) -> bool {
    use rustix::io::ReadWriteFlags;

    let looks = (window.start..window.end).step_by(LOOK_EVERY_BYTES);
    looks.chain([window.end - 1]).all(|at| {
        let mut byte = [0];
        let mut slices = [io::IoSliceMut::new(&mut byte)];
        // An error is that it would wait, or that the file system cannot tell.
        matches!(
            rustix::io::preadv2(file, &mut slices, at, ReadWriteFlags::NOWAIT),
            Ok(1)
        )
    })
}

#[cfg(not(target_os = "linux"))]
fn is_warm(_: &File, _: &Range<u64>) -> bool {
    false
}

/// Reads the window. Blocks.
///
/// By plain reads: what the system reads ahead of those it keeps in large folios, which cost half
/// as much to send as the single pages that `POSIX_FADV_WILLNEED` leaves.
fn warm(file: &File, window: Range<u64>) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;

    let mut scratch = vec![0; 64 * 1024];
    let mut at = window.start;
    while at < window.end {
        let count = (window.end - at).min(scratch.len() as u64);
        let piece = &mut scratch[..usize::try_from(count).expect("no more than the scratch")];
        file.read_exact_at(piece, at)?;
        at += count;
    }
    Ok(())
}

/// Bytes of one window.
///
/// 1 MiB: enough that looking and asking costs little, little enough that a thread that reads it
/// from a disk of 100 MB/s is back after 10 ms.
const WINDOW_BYTES: u64 = 1024 * 1024;

/// Bytes after which a connection whose peer reads as fast as we send lets others have a turn.
const STRETCH_BYTES: u64 = 2 * WINDOW_BYTES;

/// How far apart the looks are.
///
/// 512 KiB: at every 128 KiB, which is what Linux reads ahead by default, they took a tenth of the
/// server's time. What is missed between two looks is waited for.
const LOOK_EVERY_BYTES: usize = 512 * 1024;
