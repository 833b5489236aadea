//! `--help` of every command, compared with `tests/help/`.
//!
//! After a wanted change, `UPCALL_WRITE_HELP=1 cargo test -p upcall-cli help` writes the files anew;
//! the difference is reviewed like code.

use std::fs;
use std::path::Path;

use crate::program::Upcall;

/// Every command, groups too.
const COMMANDS: [&str; 48] = [
    "",
    "dev",
    "serve",
    "app",
    "bucket",
    "bucket create",
    "bucket list",
    "bucket delete",
    "bucket acl",
    "bucket signatures",
    "bucket callback",
    "bucket callback get",
    "bucket callback set",
    "bucket cors",
    "bucket cors get",
    "bucket cors add",
    "bucket cors set",
    "bucket cors delete",
    "bucket uploads",
    "bucket uploads get",
    "bucket uploads set",
    "key",
    "key create",
    "key list",
    "key delete",
    "key rotate-callback",
    "key show-callback",
    "key remove-callback",
    "fsck",
    "backup",
    "restore",
    "policy",
    "policy sign",
    "policy explain",
    "policy lint",
    "callback",
    "callback list",
    "callback show",
    "callback replay",
    "callback tail",
    "callback owed",
    "callback deliver",
    "callback drop",
    "callback verify",
    "callback check",
    "callback send",
    "cors",
    "cors check",
];

#[test]
fn every_command_has_the_help_that_was_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    for command in COMMANDS {
        let words: Vec<&str> = command.split_whitespace().collect();
        let text = Upcall::new(&words).and(&["--help"]).run().done();

        let name = [&["upcall"], words.as_slice()].concat().join("-");
        let file = folder.join(name).with_extension("txt");
        if std::env::var_os("UPCALL_WRITE_HELP").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert_eq!(
            text,
            fs::read_to_string(&file).unwrap(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn every_command_has_an_example_and_those_that_do_something_have_json() {
    for command in COMMANDS {
        let words: Vec<&str> = command.split_whitespace().collect();
        let text = Upcall::new(&words).and(&["--help"]).run().done();

        assert!(text.contains("\nExample: "), "{command}: {text}");
        let is_group = text.contains("\nCommands:\n");
        assert_eq!(text.contains("--json"), !is_group, "{command}: {text}");
        for listed in commands(&text) {
            let path = format!("{command} {listed}");
            assert!(
                COMMANDS.contains(&path.trim()),
                "`{path}` is not in the list"
            );
        }
    }
}

/// The names under `Commands:`.
fn commands(help: &str) -> Vec<&str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn what_cannot_be_understood_ends_with_2() {
    for words in [
        &["dev", "--no-such-flag"][..],
        &["frobnicate"],
        &[],
        &["key"],
    ] {
        let stderr = Upcall::new(words).run().not_done();
        assert!(stderr.contains("Usage:"), "{stderr}");
    }
}
