//! Which properties belong to an item, and what they make of its size.

use super::property::{Properties, Property};
use crate::facts::ImageSize;
use crate::limits;
use crate::number::{be16, be32};

/// The rest of an `ipma`: items, each with the numbers of its properties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Associations {
    end: u64,
    items_left: u32,
    has_long_ids: bool,
    has_long_indices: bool,
}

impl Associations {
    /// Reads version, flags and the number of items.
    pub(super) fn begin(head: &[u8], end: u64) -> Self {
        Self {
            end,
            items_left: be32(head, 4),
            has_long_ids: head[0] > 0,
            has_long_indices: head[3] & 1 == 1,
        }
    }

    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Whether there is one more item.
    pub(super) const fn take_item(&mut self) -> bool {
        match self.items_left.checked_sub(1) {
            Some(left) => {
                self.items_left = left;
                true
            }
            None => false,
        }
    }

    /// Bytes of an item's id and of the number of its associations.
    pub(super) const fn head_bytes(&self) -> usize {
        if self.has_long_ids { 5 } else { 3 }
    }

    pub(super) const fn index_bytes(&self) -> usize {
        if self.has_long_indices { 2 } else { 1 }
    }

    /// A property's number; the upper bit says whether readers must know the property.
    pub(super) fn index(&self, bytes: &[u8]) -> u16 {
        if self.has_long_indices {
            be16(bytes, 0) & 0x7fff
        } else {
            u16::from(bytes[0] & 0x7f)
        }
    }
}

/// An item whose associations are being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    id: u32,
    associations_left: u8,
    extents: Option<(u32, u32)>,
    /// Numbers of the properties that crop and turn, in the order in which they do.
    transformations: [u16; limits::HEIF_TRANSFORMATIONS],
    transformations_count: usize,
}

impl Item {
    pub(super) const fn new(id: u32, associations: u8) -> Self {
        Self {
            id,
            associations_left: associations,
            extents: None,
            transformations: [0; limits::HEIF_TRANSFORMATIONS],
            transformations_count: 0,
        }
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// Whether there is one more association.
    pub(super) const fn take_association(&mut self) -> bool {
        match self.associations_left.checked_sub(1) {
            Some(left) => {
                self.associations_left = left;
                true
            }
            None => false,
        }
    }

    /// Notes a property of this item; `None` if it has too many.
    pub(super) fn associate(&mut self, number: u16, properties: &Properties) -> Option<()> {
        match properties.get(number) {
            None => {}
            Some(Property::Extents(width, height)) => self.extents = Some((width, height)),
            Some(Property::Aperture(_) | Property::Turn(_)) => {
                *self.transformations.get_mut(self.transformations_count)? = number;
                self.transformations_count += 1;
            }
        }
        Some(())
    }

    /// Its size as it is shown.
    fn size(&self, properties: &Properties) -> Option<ImageSize> {
        let mut size = self.extents?;
        for number in &self.transformations[..self.transformations_count] {
            size = match properties.get(*number)? {
                Property::Aperture(aperture) => aperture.crop(size)?,
                Property::Turn(quarters) if quarters % 2 == 1 => (size.1, size.0),
                Property::Turn(_) | Property::Extents(..) => size,
            };
        }
        ImageSize::new(size.0, size.1)
    }
}

/// The sizes of items that may turn out to be the primary one.
#[derive(Debug, Default)]
pub(super) struct Sizes(Vec<(u32, ImageSize)>);

impl Sizes {
    /// Notes an item's size, if it has one; `None` if they are too many.
    pub(super) fn note(&mut self, item: &Item, properties: &Properties) -> Option<()> {
        if let Some(size) = item.size(properties) {
            if self.0.len() >= limits::HEIF_ITEMS {
                return None;
            }
            self.0.push((item.id, size));
        }
        Some(())
    }

    pub(super) fn of(&self, id: u32) -> Option<ImageSize> {
        let found = self.0.iter().find(|(of, _)| *of == id);
        found.map(|(_, size)| *size)
    }
}
