//! HEIC and AVIF: the primary item's extents, cropped and turned as its properties say.
//!
//! Boxes are passed over by their length until the one with the metadata comes, before the pixels or
//! behind them. In it: which item is the primary one (`pitm`), the properties (`ipco`), and which
//! properties belong to which item (`ipma`). Only what bears on a size is kept of them. The size of a
//! thumbnail, a tile or an auxiliary picture is never the picture's.
//!
//! Source: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF: 6.5, 9.3), AV1 Image File Format.

mod brands;
mod item;
mod property;

use crate::facts::ImageFormat;
use crate::number::{be16, be32, be64, bytes};
use crate::reader::Step;

use brands::Brands;
use item::{Associations, Item, Sizes};
use property::{Properties, Property};

#[derive(Debug, Default)]
pub(crate) struct Heif {
    next: Next,
    /// Where the next byte that is read lies in the file.
    at: u64,
    /// The boxes that are open, the innermost last.
    open: Vec<Open>,
    brands: Brands,
    /// The primary item's id.
    primary: Option<u32>,
    properties: Properties,
    sizes: Sizes,
    /// All properties and associations were read.
    has_associations: bool,
}

/// What is read next. `end` is where the box ends that it is read of.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    BoxHeader,
    LongBox {
        kind: [u8; 4],
    },
    MajorBrand {
        end: u64,
    },
    Brand {
        end: u64,
    },
    MetaVersion {
        end: u64,
    },
    PrimaryVersion {
        end: u64,
    },
    PrimaryId {
        end: u64,
    },
    Property {
        kind: property::Kind,
        end: u64,
    },
    AssociationsHead {
        end: u64,
    },
    ItemHead(Associations),
    Association(Associations, Item),
}

/// A box whose content is boxes.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Container,
    end: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Container {
    Meta,
    /// `iprp`.
    ItemProperties,
    /// `ipco`.
    Properties,
}

impl Heif {
    pub(crate) const BEGIN: Step = Step::read(8);

    /// The format, once brands or codecs show it.
    pub(crate) const fn format(&self) -> Option<ImageFormat> {
        self.brands.format(self.properties.codecs())
    }

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        self.at += bytes.len() as u64;
        // Nothing is read of a file that could not be read again: what breaks off has no size.
        self.step(bytes).unwrap_or(Step::Unsized)
    }

    /// `None` if a box breaks the rules.
    fn step(&mut self, bytes: &[u8]) -> Option<Step> {
        match self.next {
            Next::BoxHeader => self.box_header(bytes),
            Next::LongBox { kind } => {
                let end = (self.at - 16).checked_add(be64(bytes, 0))?;
                self.enter(kind, end)
            }
            Next::MajorBrand { end } => {
                self.brands.note_major(self::bytes(bytes, 0));
                self.next_brand(end)
            }
            Next::Brand { end } => {
                self.brands.note(self::bytes(bytes, 0));
                self.next_brand(end)
            }
            Next::MetaVersion { end } => {
                self.open.push(Open {
                    kind: Container::Meta,
                    end,
                });
                self.next_box(self.at)
            }
            Next::PrimaryVersion { end } => {
                let id_bytes = if bytes[0] == 0 { 2 } else { 4 };
                self.read_of(end, Next::PrimaryId { end }, id_bytes)
            }
            Next::PrimaryId { end } => {
                self.primary = Some(id(bytes));
                self.next_box(end)
            }
            Next::Property { kind, end } => {
                self.properties.note(Property::read(kind, bytes))?;
                self.next_box(end)
            }
            Next::AssociationsHead { end } => {
                let associations = Associations::begin(bytes, end);
                self.next_item(associations)
            }
            Next::ItemHead(associations) => self.item_head(associations, bytes),
            Next::Association(associations, item) => self.association(associations, item, bytes),
        }
    }

    fn box_header(&mut self, header: &[u8]) -> Option<Step> {
        let kind = bytes(header, 4);
        let start = self.at - 8;
        match be32(header, 0) {
            // To the end of the file; only the last box can.
            0 if self.open.is_empty() => self.enter(kind, u64::MAX),
            1 => self.read_of(u64::MAX, Next::LongBox { kind }, 8),
            length => self.enter(kind, start + u64::from(length)),
        }
    }

    /// A box begins whose content begins here.
    fn enter(&mut self, kind: [u8; 4], end: u64) -> Option<Step> {
        let outer = self.open.last();
        if end < self.at || outer.is_some_and(|outer| end > outer.end) {
            return None;
        }
        match (outer.map(|outer| outer.kind), &kind) {
            (None, b"ftyp") => self.read_of(end, Next::MajorBrand { end }, 8),
            (None, b"meta") => self.read_of(end, Next::MetaVersion { end }, 4),
            (Some(Container::Meta), b"pitm") => self.read_of(end, Next::PrimaryVersion { end }, 4),
            (Some(Container::Meta), b"iprp") => self.descend(Container::ItemProperties, end),
            (Some(Container::ItemProperties), b"ipco") => self.descend(Container::Properties, end),
            (Some(Container::ItemProperties), b"ipma") => {
                self.read_of(end, Next::AssociationsHead { end }, 8)
            }
            (Some(Container::Properties), _) => match self.properties.begin(kind) {
                Some(kind) => self.read_of(end, Next::Property { kind, end }, kind.bytes()),
                None => self.next_box(end),
            },
            _ => self.next_box(end),
        }
    }

    fn descend(&mut self, kind: Container, end: u64) -> Option<Step> {
        self.open.push(Open { kind, end });
        self.next_box(self.at)
    }

    /// Reads the header of the box that begins at `start`, where another one has ended.
    fn next_box(&mut self, start: u64) -> Option<Step> {
        while let Some(ended) = self.open.pop_if(|open| open.end == start) {
            match ended.kind {
                Container::Properties => {}
                Container::ItemProperties => self.has_associations = true,
                // The file has said everything.
                Container::Meta => return self.size(),
            }
        }
        if let Some(size) = self.size() {
            return Some(size);
        }
        if self.open.last().is_some_and(|open| open.end - start < 8) {
            return None;
        }
        let skip = start.checked_sub(self.at)?;
        self.at = start;
        self.next = Next::BoxHeader;
        Some(Step::Next { skip, read: 8 })
    }

    /// Reads the next bytes of a box that ends there.
    fn read_of(&mut self, end: u64, next: Next, read: usize) -> Option<Step> {
        if end - self.at < read as u64 {
            return None;
        }
        self.next = next;
        Some(Step::read(read))
    }

    fn next_brand(&mut self, end: u64) -> Option<Step> {
        if end - self.at >= 4 {
            return self.read_of(end, Next::Brand { end }, 4);
        }
        if self.brands.are_of_an_image() {
            self.next_box(end)
        } else {
            Some(Step::NotAnImage)
        }
    }

    fn next_item(&mut self, mut associations: Associations) -> Option<Step> {
        if !associations.take_item() {
            return self.next_box(associations.end());
        }
        let head_bytes = associations.head_bytes();
        self.read_of(associations.end(), Next::ItemHead(associations), head_bytes)
    }

    fn item_head(&mut self, associations: Associations, head: &[u8]) -> Option<Step> {
        let (count, id_bytes) = head.split_last()?;
        self.next_association(associations, Item::new(id(id_bytes), *count))
    }

    fn association(
        &mut self,
        associations: Associations,
        mut item: Item,
        index: &[u8],
    ) -> Option<Step> {
        item.associate(associations.index(index), &self.properties)?;
        self.next_association(associations, item)
    }

    fn next_association(&mut self, associations: Associations, mut item: Item) -> Option<Step> {
        if item.take_association() {
            let index_bytes = associations.index_bytes();
            return self.read_of(
                associations.end(),
                Next::Association(associations, item),
                index_bytes,
            );
        }
        if self.primary.is_none_or(|primary| primary == item.id()) {
            self.sizes.note(&item, &self.properties)?;
        }
        self.next_item(associations)
    }

    /// The picture's size, once everything that bears on it was read.
    fn size(&self) -> Option<Step> {
        let primary = self.primary.filter(|_| self.has_associations)?;
        Some(match (self.format(), self.sizes.of(primary)) {
            (Some(format), Some(size)) => Step::Known(format, size),
            _ => Step::Unsized,
        })
    }
}

/// An item's id, of two or four bytes.
fn id(bytes: &[u8]) -> u32 {
    match bytes.len() {
        2 => be16(bytes, 0).into(),
        _ => be32(bytes, 0),
    }
}
