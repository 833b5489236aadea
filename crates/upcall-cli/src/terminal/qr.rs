//! A QR code of half blocks. Light modules are drawn, as most terminals write light on dark; phones
//! read the inverse, too.

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
    use super::*;

    #[test]
    fn the_blocks_are_the_modules_of_the_code() {
        let text = "http://192.168.100.200:8701/";
        let code = QrCode::new(text).unwrap();

        let mut rows: Vec<Vec<Color>> = Vec::new();
        for line in write(text).unwrap().lines() {
            let row = |light: [char; 2]| {
                let colour = |c| {
                    if light.contains(&c) {
                        Color::Light
                    } else {
                        Color::Dark
                    }
                };
                line.chars().map(colour).collect()
            };
            rows.extend([row(['█', '▀']), row(['█', '▄'])]);
        }

        let side = code.width() + 2 * QUIET;
        assert!(rows.len() >= side && rows.iter().all(|row| row.len() == side));
        for (y, row) in rows.iter().enumerate() {
            for (x, colour) in row.iter().enumerate() {
                let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
                let expected = match (inside(x), inside(y)) {
                    (Some(x), Some(y)) => code[(x, y)],
                    _ => Color::Light,
                };
                assert_eq!(*colour, expected, "{x} {y}");
            }
        }
    }
}
