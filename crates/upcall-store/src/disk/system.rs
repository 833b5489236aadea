//! The operating system's files.

#![expect(clippy::disallowed_methods, reason = "this is the seam")]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskFile, Space, at, write_all_at};

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

#[derive(Debug)]
struct SystemFile(Arc<File>);

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(at(path))?;
        Ok(Arc::new(SystemFile(Arc::new(file))))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::open(path).map_err(at(path))?;
        Ok(Arc::new(SystemFile(Arc::new(file))))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path).map_err(at(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to).map_err(at(to))
    }

    fn copy(&self, from: &Path, to: &Path, first: Option<u64>) -> io::Result<u64> {
        let source = File::open(from).map_err(at(from))?;
        let mut copy = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(at(to))?;
        // The system copies, and shares the bytes where the file system can.
        io::copy(&mut source.take(first.unwrap_or(u64::MAX)), &mut copy).map_err(at(to))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let opened = OpenOptions::new().write(true).open(path);
        opened
            .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
            .map_err(at(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        match fs::read_dir(folder) {
            Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(at(folder)(error)),
        }
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .map_err(at(folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)
            .and_then(|opened| opened.sync_all())
            .map_err(at(folder))
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

impl DiskFile for SystemFile {
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        write_all_at(slices, offset, |slices, offset| {
            Ok(rustix::io::pwritev(&*self.0, slices, offset)?)
        })
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    #[cfg(target_os = "linux")]
    fn read_exact_at_now(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let wanted = buffer.len();
        let mut slices = [io::IoSliceMut::new(buffer)];
        match preadv2(&*self.0, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(count == wanted),
            // Not in memory, or a file system that cannot say.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn as_file(&self) -> Option<Arc<File>> {
        Some(Arc::clone(&self.0))
    }
}
