//! A lost catalog, made anew from what the log and the blobs say of themselves.
//!
//! The log is read twice: first for the records that others say count no more, then for those that
//! are left. Files of blobs that no record names are taken in where they are of format 1, which had no
//! log, or where the log is damaged. The old catalog, if there is any, is kept beside the new one.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use upcall::name::{BucketName, ETag};

use super::change::{Change, Effect, KeyEffect};
use super::directory::{self, OpenError};
use super::files::Files;
use super::index::{Index, SettingsChange};
use super::log::record::{At, Kind};
use super::log::scan::{Found, Item, Segment, scan};
use super::log::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader, read_whole};
use super::owed::{OwedRecord, OwedRow};
use super::recover::{known_ends, object_of};
use super::segments::Segments;
use super::space::SpaceWatch;
use super::{EmbeddedStore, bucket_backup, stored};
use crate::blobs::{BlobFacts, BlobId, BlobPlace};
use crate::catalog::{BucketAcl, BucketFacts, CallbackSettings, CatalogError, ObjectFacts};
use crate::disk::{Disk, SystemDisk, make_folder_durably};
use crate::maintenance::Damage;

/// What was made.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Objects that the new catalog has.
    pub objects: u64,
    /// Buckets whose settings were lost: they are private, without CORS rules.
    pub plain_buckets: Vec<BucketName>,
    /// What could not be read.
    pub damages: Vec<Damage>,
    /// Where the catalog that was there is now.
    pub old_catalog: Option<PathBuf>,
}

impl EmbeddedStore {
    /// Makes the catalog of a data directory anew from its log and blobs. Nobody may have it open.
    /// Access keys are lost; buckets have their settings from `buckets.json`. Blocks.
    ///
    /// # Errors
    /// [`OpenError`]; the directory is then as it was.
    pub fn rebuild(folder: &Path) -> Result<Rebuilt, OpenError> {
        Self::rebuild_on(&(Arc::new(SystemDisk) as Arc<dyn Disk>), folder)
    }

    /// As [`rebuild`](Self::rebuild), on another disk.
    ///
    /// # Errors
    /// As of [`rebuild`](Self::rebuild).
    pub fn rebuild_on(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Rebuilt, OpenError> {
        let _lock = directory::take(folder, disk.as_ref())?;
        let io = |source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        };
        let catalog = |source| OpenError::Catalog {
            folder: folder.to_owned(),
            source,
        };
        let half = folder.join("catalog.rebuild.sqlite");
        remove_catalog(disk.as_ref(), &half).map_err(io)?;
        let mut rebuilding = Rebuilding::begin(Arc::clone(disk), folder, &half)
            .map_err(|error| error.into(folder))?;
        rebuilding.run().map_err(|error| error.into(folder))?;
        let Rebuilding {
            index,
            mut rebuilt,
            aside,
            undecided,
            ..
        } = rebuilding;
        index.sync().map_err(catalog)?;
        index.close();
        let place = folder.join("catalog.sqlite");
        // Before the store is opened, durably: it would sweep them.
        move_undecided(disk.as_ref(), &aside, undecided).map_err(io)?;
        rebuilt.old_catalog = put_aside(disk.as_ref(), &place).map_err(io)?;
        disk.rename(&half, &place).map_err(io)?;
        disk.sync_folder(folder).map_err(io)?;
        Ok(rebuilt)
    }
}

/// Why it could not be done.
enum RebuildError {
    Catalog(CatalogError),
    Io(io::Error),
}

impl RebuildError {
    fn into(self, folder: &Path) -> OpenError {
        let folder = folder.to_owned();
        match self {
            Self::Catalog(source) => OpenError::Catalog { folder, source },
            Self::Io(source) => OpenError::Io { folder, source },
        }
    }
}

impl From<CatalogError> for RebuildError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<io::Error> for RebuildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Rebuilding {
    index: Index,
    segments: Segments,
    files: Files,
    numbers: Vec<u64>,
    known: HashSet<BucketName>,
    settings: Vec<BucketFacts>,
    /// Blobs that some record names.
    named: HashSet<BlobId>,
    /// Blobs of objects that were held back once. Which of them were refused, only whole records say.
    held_once: HashSet<BlobId>,
    gated: HashSet<BucketName>,
    /// Where files go of which nobody knows, and which ones, from where to where.
    aside: PathBuf,
    undecided: Vec<(PathBuf, PathBuf)>,
    /// Calls that are owed, if their objects say nothing else.
    owed: Vec<(OwedRow, u64)>,
    batch: Vec<Change>,
    last: At,
    sequence: u64,
    rebuilt: Rebuilt,
}

impl Rebuilding {
    fn begin(disk: Arc<dyn Disk>, folder: &Path, half: &Path) -> Result<Self, RebuildError> {
        let log = folder.join("log");
        let numbers = segment::list(disk.as_ref(), &log)?;
        let index = Index::open(half, Arc::clone(&disk))?;
        let mut salt = index.log_state()?.salt;
        for number in &numbers {
            let file = disk.open(&segment::path(&log, *number))?;
            let mut header = [0; SegmentHeader::BYTES];
            if file.read_exact_at(&mut header, 0).is_ok()
                && let Some(header) = SegmentHeader::read(&header, *number)
            {
                salt = header.salt;
            }
        }
        index.set_salt(salt)?;
        let space = Arc::new(SpaceWatch::new(Arc::clone(&disk), folder, Some(0)));
        let settings = bucket_backup::read(disk.as_ref(), folder)?;
        Ok(Self {
            index,
            segments: Segments::new(Arc::clone(&disk), &log, salt),
            files: Files::open(
                disk,
                &folder.join("blobs"),
                space,
                super::options::Saboteur::default(),
            )?,
            numbers,
            known: HashSet::new(),
            settings,
            named: HashSet::new(),
            held_once: HashSet::new(),
            gated: HashSet::new(),
            aside: folder.join("undecided"),
            undecided: Vec::new(),
            owed: Vec::new(),
            batch: Vec::new(),
            last: At {
                segment: 1,
                offset: 0,
            },
            sequence: 0,
            rebuilt: Rebuilt::default(),
        })
    }

    fn run(&mut self) -> Result<(), RebuildError> {
        // Also those in which nothing is.
        for bucket in std::mem::take(&mut self.settings) {
            self.add_bucket(bucket)?;
        }
        let dead = self.dead_records()?;
        self.take_in_log(&dead)?;
        self.take_in_calls();
        self.take_in_files()?;
        self.flush()?;
        self.index.set_log_end(self.last, self.sequence)?;
        Ok(())
    }

    fn dead_records(&mut self) -> Result<HashSet<At>, RebuildError> {
        let mut dead = HashSet::new();
        let mut damages = Vec::new();
        self.each_segment(|number, item, bytes| {
            match item {
                Item::Record(found) => {
                    dead.extend(found.head.replaces);
                    if found.head.kind == Kind::Dead
                        && let Ok(more) = serde_json::from_slice::<Vec<At>>(found.meta(bytes))
                    {
                        dead.extend(more);
                    }
                }
                Item::Damage { from, to } => {
                    let what = format!("bytes {from} to {to} of segment {number} are broken");
                    damages.push(Damage::somewhere(what));
                }
            }
            Ok(())
        })?;
        self.rebuilt.damages = damages;
        Ok(dead)
    }

    fn take_in_log(&mut self, dead: &HashSet<At>) -> Result<(), RebuildError> {
        let mut found_records = Vec::new();
        let mut calls = Vec::new();
        for number in self.numbers.clone() {
            found_records.clear();
            calls.clear();
            let mut held = Vec::new();
            let end = self.read_segment(number, |item, bytes| {
                if let Item::Record(found) = item {
                    let meta = found.meta(bytes);
                    if found.head.kind == Kind::Owed {
                        let record = OwedRecord::decode(found.head.blob, meta);
                        if record.as_ref().is_none_or(|record| record.held.is_some()) {
                            held.push(found.head.blob);
                        }
                        if !dead.contains(&found.at) {
                            calls.push((*found, record));
                        }
                    }
                    found_records.push((*found, stored::decode(meta)));
                }
            })?;
            self.held_once.extend(held);
            self.last = At {
                segment: number,
                offset: u32::try_from(end).map_err(io::Error::other)?,
            };
            self.note_calls(&calls, &found_records);
            for (found, facts) in found_records.drain(..) {
                self.sequence = self.sequence.max(found.head.sequence);
                if !matches!(found.head.kind, Kind::Object | Kind::ObjectInFile) {
                    continue;
                }
                self.named.insert(found.head.blob);
                if dead.contains(&found.at) {
                    continue;
                }
                match facts {
                    Ok(facts) => self.add_object(object_of(facts, &found), found.head.sequence)?,
                    Err(why) => self.rebuilt.damages.push(Damage::somewhere(format!(
                        "a record at {} of segment {number}: {}",
                        found.at.offset,
                        why.what()
                    ))),
                }
            }
        }
        Ok(())
    }

    /// Notes the owed calls of a segment: those that stand alone, and those whose object came with them.
    fn note_calls<F>(&mut self, calls: &[(Found, Option<OwedRecord>)], records: &[(Found, F)]) {
        for (found, record) in calls {
            let Some(record) = record else {
                let at = found.at;
                let what = format!(
                    "the record of a call at {} of segment {} makes no sense",
                    at.offset, at.segment
                );
                self.rebuilt.damages.push(Damage::somewhere(what));
                continue;
            };
            let came_along = || {
                records.iter().any(|(other, _)| {
                    other.head.blob == found.head.blob
                        && matches!(other.head.kind, Kind::Object | Kind::ObjectInFile)
                })
            };
            if record.held.is_some() || record.is_moved || came_along() {
                let head = &found.head;
                let row = record.row(found.at, head.head_bytes, head.data_bytes);
                self.owed.push((row, head.sequence));
            }
        }
    }

    /// What is owed after all of the log was read.
    fn take_in_calls(&mut self) {
        for (row, sequence) in std::mem::take(&mut self.owed) {
            // It was made visible, and a crash came before the record that says so.
            if row.facts.is_held && self.named.contains(&row.id()) {
                continue;
            }
            self.named.insert(row.id());
            self.batch.push(Change {
                sequence,
                next: self.last,
                effect: Effect::Owes {
                    new: Arc::new(row),
                    old: None,
                },
            });
        }
    }

    /// Blobs that no record names.
    fn take_in_files(&mut self) -> Result<(), RebuildError> {
        let log_is_whole = self.rebuilt.damages.is_empty() && !self.numbers.is_empty();
        self.flush()?;
        for shard in 0..=u8::MAX {
            for id in self.files.list(shard)? {
                if self.named.contains(&id) {
                    continue;
                }
                let facts = match self.files.facts_and_format(id) {
                    Ok((facts, false)) if !log_is_whole && self.may_be_refused(id, &facts) => {
                        self.lay_aside(id, &facts);
                        continue;
                    }
                    Ok((facts, is_old)) if is_old || !log_is_whole => facts,
                    // An upload that was never committed.
                    Ok(_) => continue,
                    Err(error) => {
                        let what = crate::chain(&error);
                        self.rebuilt.damages.push(Damage::somewhere(what));
                        continue;
                    }
                };
                let object = ObjectFacts {
                    bucket: facts.bucket,
                    key: facts.key,
                    blob: id,
                    place: BlobPlace::default(),
                    length: facts.length,
                    etag: ETag::from_md5(facts.md5),
                    crc64: facts.crc64,
                    content_type: facts.content_type,
                    headers: facts.headers,
                    metadata: facts.metadata,
                    acl: facts.acl,
                    storage_class: facts.storage_class,
                    modified: facts.modified,
                };
                self.flush()?;
                let row = self.index.find_blocking(&object.bucket, &object.key)?;
                if row.is_none_or(|row| row.place.0.is_none() && row.modified < object.modified) {
                    self.add_object(object, self.sequence)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the application may never have agreed to it: the log could say, and is damaged.
    fn may_be_refused(&self, id: BlobId, facts: &BlobFacts) -> bool {
        self.held_once.contains(&id) || self.gated.contains(&facts.bucket)
    }

    /// The file of an object of which nobody knows whether it may be seen is to leave the store, so that
    /// a person can decide.
    fn lay_aside(&mut self, id: BlobId, facts: &BlobFacts) {
        let to = self.aside.join(id.to_string());
        let what = format!(
            "whether the application agreed to it is lost; its file is now `{}`",
            to.display()
        );
        let damage = Damage::of(&facts.bucket, &facts.key, &what);
        self.rebuilt.damages.push(damage);
        self.undecided.push((self.files.path(id), to));
    }

    fn add_object(&mut self, object: ObjectFacts, sequence: u64) -> Result<(), RebuildError> {
        if !self.known.contains(&object.bucket) {
            let bucket = object.bucket.clone();
            self.rebuilt.plain_buckets.push(bucket.clone());
            self.add_bucket(BucketFacts {
                name: bucket,
                acl: BucketAcl::Private,
                cors: None,
                owner: LOST_OWNER.to_owned(),
                created: Timestamp::now(),
                callback: CallbackSettings::default(),
                forms: crate::catalog::FormRules::default(),
            })?;
        }
        self.rebuilt.objects += 1;
        let (bucket, key) = (object.bucket.clone(), object.key.clone());
        self.batch.push(Change {
            sequence,
            next: self.last,
            effect: Effect::Key(KeyEffect {
                bucket,
                key,
                new: Some(Arc::new(object)),
                old: None,
            }),
        });
        if self.batch.len() >= BATCH {
            self.flush()?;
        }
        Ok(())
    }

    fn add_bucket(&mut self, facts: BucketFacts) -> Result<(), RebuildError> {
        self.flush()?;
        self.known.insert(facts.name.clone());
        if facts.callback.gate.is_some() {
            self.gated.insert(facts.name.clone());
        }
        self.index.change_settings(|tables| {
            tables.put_bucket(&facts)?;
            Ok((SettingsChange::Bucket(facts), ()))
        })?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RebuildError> {
        self.index.apply(&std::mem::take(&mut self.batch))?;
        Ok(())
    }

    fn each_segment(
        &self,
        mut look: impl FnMut(u64, &Item, &[u8]) -> Result<(), RebuildError>,
    ) -> Result<(), RebuildError> {
        for number in &self.numbers {
            let mut result = Ok(());
            self.read_segment(*number, |item, bytes| {
                if result.is_ok() {
                    result = look(*number, item, bytes);
                }
            })?;
            result?;
        }
        Ok(())
    }

    /// Where it ends.
    fn read_segment(
        &self,
        number: u64,
        mut look: impl FnMut(&Item, &[u8]),
    ) -> Result<u64, RebuildError> {
        let ends = known_ends(&self.segments, &self.numbers)?;
        let file = self.segments.open(number)?;
        let bytes = read_whole(file.as_ref())?;
        let segment = Segment {
            number,
            salt: self.segments.salt,
        };
        let found = scan(
            &bytes,
            segment,
            SEGMENT_HEADER_BYTES,
            ends.get(&number).copied(),
        );
        for item in &found.items {
            look(item, &bytes);
        }
        Ok(found.end)
    }
}

/// Moves files of which only the application knows whether they are objects, durably: a store that is
/// opened afterwards must not sweep them.
fn move_undecided(
    disk: &dyn Disk,
    aside: &Path,
    undecided: Vec<(PathBuf, PathBuf)>,
) -> io::Result<()> {
    if undecided.is_empty() {
        return Ok(());
    }
    make_folder_durably(disk, aside)?;
    let mut shards = BTreeSet::new();
    for (from, to) in undecided {
        disk.rename(&from, &to)?;
        shards.extend(from.parent().map(Path::to_owned));
    }
    disk.sync_folder(aside)?;
    shards.iter().try_for_each(|shard| disk.sync_folder(shard))
}

/// Moves a catalog out of the way, durably; where it is then. First the file itself: without it, the
/// store is not opened. With it and without its log, or with the new one and the old one's log, it
/// would be.
fn put_aside(disk: &dyn Disk, place: &Path) -> io::Result<Option<PathBuf>> {
    let folder = place.parent().unwrap_or(Path::new("."));
    let names = disk.list(folder)?;
    let is_there = |path: &Path| names.iter().any(|name| path.file_name() == Some(name));
    let was_there = is_there(place);
    let old = |number: u32| place.with_extension(format!("sqlite.old-{number}"));
    let free = (1..u32::MAX)
        .find(|number| !is_there(&old(*number)))
        .ok_or_else(|| io::Error::other("there are too many old catalogs"))?;
    // What a crash left here after the file itself was moved belongs to that.
    let aside = old(if was_there { free } else { (free - 1).max(1) });
    if was_there {
        disk.rename(place, &aside)?;
        disk.sync_folder(folder)?;
    }
    let mut moved = false;
    for suffix in ["-wal", "-shm"] {
        let from = with_suffix(place, suffix);
        if is_there(&from) {
            disk.rename(&from, &with_suffix(&aside, suffix))?;
            moved = true;
        }
    }
    if moved {
        disk.sync_folder(folder)?;
    }
    Ok(was_there.then_some(aside))
}

fn remove_catalog(disk: &dyn Disk, place: &Path) -> io::Result<()> {
    for path in [
        place.to_owned(),
        with_suffix(place, "-wal"),
        with_suffix(place, "-shm"),
    ] {
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Changes that are taken in at a time.
const BATCH: usize = 4096;

/// Who owns a bucket whose settings were lost.
const LOST_OWNER: &str = "upcall";
