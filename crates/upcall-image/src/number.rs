//! Numbers in a structure whose length is known.

/// The bytes at `offset`.
///
/// Panics if the structure is shorter: a format's reader gets as many bytes as it asked for.
pub(crate) fn bytes<const N: usize>(structure: &[u8], offset: usize) -> [u8; N] {
    structure[offset..]
        .first_chunk()
        .copied()
        .expect("a format's reader gets as many bytes as it asked for")
}

pub(crate) fn be16(structure: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes(bytes(structure, offset))
}

pub(crate) fn be32(structure: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(bytes(structure, offset))
}

pub(crate) fn be64(structure: &[u8], offset: usize) -> u64 {
    u64::from_be_bytes(bytes(structure, offset))
}

pub(crate) fn le16(structure: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes(structure, offset))
}

pub(crate) fn le24(structure: &[u8], offset: usize) -> u32 {
    let [low, middle, high] = bytes(structure, offset);
    u32::from_le_bytes([low, middle, high, 0])
}

pub(crate) fn le32(structure: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes(structure, offset))
}
