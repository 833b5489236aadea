//! How much of a form is taken, apart from its file.

use super::strictness::Strictness;

/// The bounds of a form. What a parser holds at any moment is at most one part head and one value.
///
/// The default is OSS's where OSS documents a figure. The file itself is not bounded here: that is
/// the policy's and the server's business.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FormLimits {
    /// The most bytes of one field's name. Beyond it: `FieldItemTooLong`, EC 0006-00000110.
    pub name_bytes: usize,
    /// The most bytes of one field's value. Beyond it: `FieldItemTooLong`, EC 0006-00000111.
    pub value_bytes: usize,
    /// The most bytes of all values before `file`. Beyond it: `MaxPOSTPreDataLengthExceededError`.
    pub total_value_bytes: usize,
    /// The most bytes of one part's head, its delimiter's padding included. 32 KiB: a name at its
    /// limit, a long file name and some headers. Beyond it: `FieldItemTooLong`.
    pub part_head_bytes: usize,
    /// The most parts, `file` and what follows it included. OSS names none; 1,000 is far more than
    /// a page has. Beyond it: `MaxPOSTPreDataLengthExceededError`.
    pub parts: usize,
    /// The most bytes before the first delimiter; clients send none, or one line break. Beyond it:
    /// `MalformedPOSTRequest`.
    pub preamble_bytes: usize,
    /// The most bytes of all values after `file`, which are read and thrown away. Beyond it:
    /// `MalformedPOSTRequest`.
    pub trailing_value_bytes: usize,
    /// Whether forms that OSS refuses are taken.
    pub strictness: Strictness,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self {
            name_bytes: 8 * KIB,
            value_bytes: 2 * MIB,
            total_value_bytes: 8 * MIB,
            part_head_bytes: 32 * KIB,
            parts: 1000,
            preamble_bytes: KIB,
            trailing_value_bytes: 2 * MIB,
            strictness: Strictness::Lenient,
        }
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
