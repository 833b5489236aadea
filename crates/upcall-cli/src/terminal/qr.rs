//! A QR code of half blocks, dark on light whatever the terminal's colours are.

use qrcode::QrCode;
use qrcode::types::Color;

/// The code for `text`; nothing if it is too long for one.
pub(crate) fn write(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (QUIET..QUIET + width).contains(&at);
        inside(x) && inside(y) && modules[(y - QUIET) * width + (x - QUIET)] == Color::Dark
    };
    let side = width + 2 * QUIET;
    let mut lines = Vec::new();
    for y in (0..side).step_by(2) {
        let line: String = (0..side)
            .map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
                // Inverted: terminals are mostly dark, and light modules are drawn.
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            })
            .collect();
        lines.push(line);
    }
    Some(lines.join("\n"))
}

/// Light modules around the code. Source: ISO/IEC 18004 asks for 4; 2 are enough for phones.
const QUIET: usize = 2;

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_fits() {
        let code = super::write("http://192.168.100.200:8701/").unwrap();
        assert!(
            code.lines()
                .all(|line| line.chars().count() == code.lines().next().unwrap().chars().count())
        );
    }
}
