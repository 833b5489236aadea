//! Whose folder an upload goes to.

use std::fmt;

/// The name of a user, as a folder has it: 1 to 32 of `a-z`, `0-9`, `_` and `-`.
///
/// A name with anything else is refused, not repaired: `a.b` and `ab` are two users, and must not
/// get one folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct User(Box<str>);

impl User {
    const MAX_BYTES: usize = 32;

    /// # Errors
    /// [`InvalidUser`] if a character or the length is not allowed.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidUser> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidUser)
        }
    }

    /// Who does not say who they are.
    pub(super) fn guest() -> Self {
        Self("guest".into())
    }

    /// The one whose callbacks have the longest body.
    pub(super) fn longest() -> Self {
        Self("u".repeat(Self::MAX_BYTES).into())
    }

    /// What the keys of this user's uploads begin with.
    pub(super) fn folder(&self) -> String {
        format!("uploads/{self}/")
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no user's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`user` must be 1 to 32 of the letters a to z, digits, `_` and `-`")]
pub(super) struct InvalidUser;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_folder_and_nothing_else() {
        for good in ["a", "eric", "u-1_2", &"a".repeat(32)] {
            assert_eq!(User::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "Eric",
            "a/b",
            "..",
            "a.b",
            "a b",
            "ä",
            "${filename}",
            &"a".repeat(33),
        ] {
            assert_eq!(User::parse(bad), Err(InvalidUser), "{bad}");
        }
    }
}
