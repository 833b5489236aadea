//! Reads paths from standard input, one a line, and prints a line of JSON for each: format, width and
//! height, `null` where they are unknown.
//!
//! `find . -name '*.png' | cargo run -p upcall-image --example image_facts`

use std::fs::File;
use std::io::{self, BufRead as _, Read as _};

use serde_json::json;
use upcall_image::{ImageFacts, ImageReader};

#[expect(clippy::print_stdout, reason = "an example speaks")]
fn main() -> io::Result<()> {
    for path in io::stdin().lock().lines() {
        let path = path?;
        let facts = read(&path)?;
        let size = facts.and_then(|facts| facts.size);
        let line = json!({
            "path": path,
            "format": facts.map(|facts| facts.format.name()),
            "width": size.map(|size| size.width),
            "height": size.map(|size| size.height),
        });
        println!("{line}");
    }
    Ok(())
}

fn read(path: &str) -> io::Result<Option<ImageFacts>> {
    let mut file = File::open(path)?;
    let mut reader = ImageReader::default();
    let mut piece = vec![0; 64 * 1024];
    while !reader.is_over() {
        match file.read(&mut piece)? {
            0 => break,
            length => reader.feed(&piece[..length]),
        }
    }
    Ok(reader.finish())
}
