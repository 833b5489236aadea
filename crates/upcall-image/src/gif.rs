//! GIF: the logical screen, or the first frame where it reaches beyond it.
//!
//! Some files have a screen that is smaller than their first frame, or none; browsers and Pillow then
//! enlarge the screen. So the blocks before the first frame are passed over to read where it lies.
//! Source: "Graphics Interchange Format, version 89a", sections 18, 20, 23 to 27.

use crate::facts::ImageFormat;
use crate::number::le16;
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) struct Gif {
    screen: (u16, u16),
    next: Next,
}

/// What is read next.
#[derive(Debug, Default)]
enum Next {
    #[default]
    Screen,
    /// The byte that says what kind of block begins.
    Block,
    /// The byte that says what kind of extension it is.
    ExtensionLabel,
    /// The byte that says how long the next piece of an extension is.
    Piece,
    /// Where the first frame lies.
    Frame,
}

impl Gif {
    pub(crate) const BEGIN: Step = Step::Next { skip: 0, read: 13 };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        match self.next {
            Next::Screen => self.screen(bytes),
            Next::Block => self.block(bytes[0]),
            Next::ExtensionLabel => match bytes[0] {
                // Plain text, graphic control, comment, application.
                0x01 | 0xf9 | 0xfe | 0xff => self.then(Next::Piece, 0, 1),
                _ => Step::NotAnImage,
            },
            Next::Piece => match bytes[0] {
                0 => self.then(Next::Block, 0, 1),
                length => self.then(Next::Piece, length.into(), 1),
            },
            Next::Frame => self.frame(bytes).unwrap_or(Step::Unsized),
        }
    }

    /// `None` if the frame reaches beyond what a screen can be.
    fn frame(&self, bytes: &[u8]) -> Option<Step> {
        let right = le16(bytes, 0).checked_add(le16(bytes, 4))?;
        let bottom = le16(bytes, 2).checked_add(le16(bytes, 6))?;
        Some(known(self.screen.0.max(right), self.screen.1.max(bottom)))
    }

    fn screen(&mut self, bytes: &[u8]) -> Step {
        self.screen = (le16(bytes, 6), le16(bytes, 8));
        let packed = bytes[10];
        let has_colors = packed & 0x80 != 0;
        let colors_bytes = if has_colors { 6 << (packed & 7) } else { 0 };
        self.then(Next::Block, colors_bytes, 1)
    }

    fn block(&mut self, kind: u8) -> Step {
        match kind {
            b',' => self.then(Next::Frame, 0, 8),
            b'!' => self.then(Next::ExtensionLabel, 0, 1),
            // Bytes that fill, and the file's end: there may be no frame.
            0 | b';' => known(self.screen.0, self.screen.1),
            _ => Step::NotAnImage,
        }
    }

    fn then(&mut self, next: Next, skip: u64, read: usize) -> Step {
        self.next = next;
        Step::Next { skip, read }
    }
}

fn known(width: u16, height: u16) -> Step {
    Step::known(ImageFormat::Gif, width.into(), height.into())
}
