//! A file of `NAME='value'` lines, which a shell (`. FILE`) and the readers of `.env` files take alike.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{random_hex, secret_file};
use crate::terminal::message::Failure;

/// Writes these settings into `path`, in place of those of the same names; other lines stay as they
/// are. It is replaced as a whole, and from then on only its owner can read it: there are secrets in it.
///
/// # Errors
/// A value cannot be written so that all readers take it, or the file cannot be written.
pub(crate) fn write(path: &Path, settings: &[(&str, String)]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(format!("cannot write `{}`: {error}", path.display()))
            .hint("name a file in a folder that is there: `--env-file FILE`")
    };
    let path = behind_links(path).map_err(failed)?;
    let former = match fs::metadata(&path) {
        // Neither a device nor a pipe: it would be gone afterwards, and reading it may take for ever.
        Ok(facts) if !facts.is_file() => {
            return Err(failed(io::Error::other("it is no regular file")));
        }
        Ok(_) => fs::read_to_string(&path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let text = with(&former, settings)?;
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    // It would be made, for a mistyped path.
    if !folder.is_dir() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    // Several may be started at once with the same file; a data directory has but one owner.
    let part = format!("{name}.{}.part", random_hex(8)?);
    secret_file::write_by(&part, folder, name, &text, 0o600).map_err(failed)
}

/// What a link leads to is replaced, not the link; also if there is nothing yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            // Links in a circle are another error.
            Ok(to) => behind_links(&path.parent().unwrap_or(Path::new("")).join(to)),
            Err(_) => Ok(path.to_owned()),
        },
        found => found,
    }
}

/// The text with these settings: each in its old place, or at the end.
fn with(former: &str, settings: &[(&str, String)]) -> Result<String, Failure> {
    let mut written = vec![false; settings.len()];
    let mut text = String::new();
    for line in former.lines() {
        let (export, name) = name_of(line);
        let known = settings.iter().position(|(known, _)| *known == name);
        match known {
            None => text.push_str(line),
            // A second line of a name would be the one that counts.
            Some(number) if written[number] => continue,
            Some(number) => {
                text.push_str(export);
                text.push_str(&assignment(&settings[number])?);
                written[number] = true;
            }
        }
        text.push('\n');
    }
    for (number, setting) in settings.iter().enumerate() {
        if !written[number] {
            text.push_str(&assignment(setting)?);
            text.push('\n');
        }
    }
    Ok(text)
}

/// The name that a line sets, and what may stand before it; no name if it sets none.
fn name_of(line: &str) -> (&'static str, &str) {
    let line = line.trim_start();
    let (export, line) = match line.strip_prefix("export ") {
        Some(rest) => ("export ", rest.trim_start()),
        None => ("", line),
    };
    let name = line.split_once('=').map_or("", |(name, _)| name.trim_end());
    (export, name)
}

/// In single quotes, in which a shell and most readers take everything as it is.
fn assignment((name, value): &(&str, String)) -> Result<String, Failure> {
    if value.contains(['\'', '\\']) || value.chars().any(char::is_control) {
        return Err(Failure::new(format!(
            "the value of `{name}` cannot be written into an environment file: it holds `'`, `\\` or a \
             control character"
        ))
        .hint("readers of such files do not agree about these; choose another value"));
    }
    Ok(format!("{name}='{value}'"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn settings() -> [(&'static str, String); 2] {
        [
            ("OSS_HOST", "http://h/b/".to_owned()),
            ("KEYS", "http://h/k_*.pem a".to_owned()),
        ]
    }

    #[test]
    fn other_lines_stay_and_ours_are_replaced_where_they_are() {
        let former = "# mine\nDEBUG=1\nexport OSS_HOST=\"old\"\n\nOSS_HOSTS=x\n OSS_HOST = y";
        assert_eq!(
            with(former, &settings()).unwrap(),
            "# mine\nDEBUG=1\nexport OSS_HOST='http://h/b/'\n\nOSS_HOSTS=x\n\
             KEYS='http://h/k_*.pem a'\n"
        );
        assert_eq!(
            with("", &settings()).unwrap(),
            "OSS_HOST='http://h/b/'\nKEYS='http://h/k_*.pem a'\n"
        );
    }

    #[test]
    fn what_readers_take_differently_is_not_written() {
        for value in ["a'b", "a\\b", "a\nb"] {
            assert!(with("", &[("NAME", value.to_owned())]).is_err(), "{value}");
        }
    }

    #[test]
    fn a_file_is_replaced_through_its_link_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real"), folder.path().join(".env"));
        fs::write(&file, "A=1\n").unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();

        write(&link, &settings()).unwrap();

        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("A=1\nOSS_HOST='http://h/b/'\n"), "{text}");
        write(&folder.path().join("nowhere/.env"), &settings()).unwrap_err();
        assert!(!folder.path().join("nowhere").exists());

        // The link may be there first.
        let early = folder.path().join("early");
        std::os::unix::fs::symlink("later", &early).unwrap();
        write(&early, &settings()).unwrap();
        assert!(early.symlink_metadata().unwrap().is_symlink());
        let later = fs::read_to_string(folder.path().join("later")).unwrap();
        assert!(later.starts_with("OSS_HOST='http://h/b/'\n"), "{later}");
    }

    #[test]
    fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [folder.path(), socket.as_path()] {
            let refused = write(path, &settings()).unwrap_err().to_string();
            assert!(refused.contains("it is no regular file"), "{refused}");
            assert!(!path.metadata().unwrap().is_file(), "{}", path.display());
        }
    }

    #[test]
    fn of_many_who_write_at_once_each_succeeds_and_nothing_is_half() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let long = [("OSS_HOST", "h".repeat(20_000)), ("KEYS", String::new())];
        let whole = with("", &long).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        write(&file, &long).unwrap();
                        assert_eq!(fs::read_to_string(&file).unwrap(), whole);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
