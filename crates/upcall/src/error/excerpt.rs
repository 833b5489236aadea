//! How much of a text that came from outside is told.

/// The beginning of `text`, with at most `bytes` bytes.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    (0..=bytes.min(text.len()))
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}

/// The first `characters` of `text`, with a mark if there are more.
pub(crate) fn first_characters(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", beginning(text, end)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (bytes, expected) in [
            (0, ""),
            (1, "a"),
            (2, "a"),
            (3, "a"),
            (4, "a猫"),
            (9, "a猫"),
        ] {
            assert_eq!(beginning("a猫", bytes), expected, "{bytes}");
        }
        assert_eq!(first_characters("猫猫猫", 2), "猫猫…");
        assert_eq!(first_characters("猫猫", 2), "猫猫");
    }
}
