//! The tests of the tests: six promises are broken on purpose, and each breach must be found.
//!
//! Three are the disk's: it does not flush files, or folders, or hides that a flush failed. Three are
//! the engine's own: it answers before it has written, points to bytes that are not flushed, or removes
//! what somebody holds.

use std::time::{Duration, Instant};

use upcall_store::Sabotage;
use upcall_store::contract::Broken;
use upcall_store::disk::Lie;

use crate::power::{Broke, History};

/// What the harness says, in time.
fn find(broke: Broke) -> Broken {
    let begun = Instant::now();
    let mut histories = 0;
    while begun.elapsed() < LONGEST {
        histories += 1;
        let mut history = History::begin(histories, broke);
        for _ in 0..LIVES {
            if let Err(broken) = history.live() {
                return broken;
            }
            if begun.elapsed() > LONGEST {
                break;
            }
        }
    }
    panic!("{broke:?} was not found in {histories} histories");
}

/// The breach must be found within this.
const LONGEST: Duration = Duration::from_secs(60);

/// What a history gets, until the next one is begun.
const LIVES: u64 = 100;

macro_rules! found {
    ($($name:ident: $broke:expr),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let broken = find($broke);
                assert!(!broken.0.is_empty());
            }
        )*
    };
}

const fn lie(lie: Lie) -> Broke {
    Broke {
        lie,
        sabotage: None,
    }
}

const fn engine(sabotage: Sabotage) -> Broke {
    Broke {
        lie: Lie::None,
        sabotage: Some(sabotage),
    }
}

found! {
    files_that_are_not_flushed_are_found: lie(Lie::NoFileSync),
    folders_that_are_not_flushed_are_found: lie(Lie::NoFolderSync),
    a_failed_flush_that_nobody_is_told_of_is_found: lie(Lie::SwallowedError),
    an_answer_before_the_commit_is_found: engine(Sabotage::AnswerBeforeCommit),
    a_catalog_ahead_of_its_blobs_is_found: engine(Sabotage::CatalogBeforeBlob),
    a_collector_that_asks_nobody_is_found: engine(Sabotage::CollectorUnguarded),
}
