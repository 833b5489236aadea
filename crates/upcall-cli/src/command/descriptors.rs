//! How many files and connections the system lets this process have open, and what that allows for.

use upcall_server::Limits;

use crate::terminal::message::{Failure, note};

/// The limits of a server for which there are descriptors. Says so where they are fewer than usual.
///
/// # Errors
/// There are too few for a server.
pub(crate) fn limits() -> Result<Limits, Failure> {
    let Some(descriptors) = raise() else {
        return Ok(Limits::default());
    };
    let connections = connections(descriptors);
    if connections < MIN_CONNECTIONS {
        return Err(Failure::new(format!(
            "the limit of open files is {descriptors}; a server needs {MIN_DESCRIPTORS} at least"
        ))
        .hint("raise it with `ulimit -n 65536`, or `LimitNOFILE=65536` in a systemd unit"));
    }
    let usual = Limits::default();
    let connections = usize::try_from(connections).unwrap_or(usize::MAX);
    if connections >= usual.connections {
        return Ok(usual);
    }
    note(format!(
        "the limit of open files, {descriptors}, allows for {connections} connections at once; for \
         {}, raise it to {} (`ulimit -n`, `LimitNOFILE=`)",
        usual.connections,
        usual.connections as u64 + BUSY_DESCRIPTORS + OTHER_DESCRIPTORS
    ));
    Ok(Limits {
        connections,
        ..usual
    })
}

/// Raises the limit as far as it goes; the usual soft limit is 1,024. Returns how many there may be;
/// nothing if there is no limit.
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_err() {
        note("the limit of open files could not be raised");
        return limit.current;
    }
    limit.maximum
}

/// As many connections as there are descriptors for. Each may need its socket, a blob's file and a
/// callback's socket; where there are many descriptors, as many as ever will be under way at a time are
/// kept for those. Without this, idle connections alone could leave no file for an upload.
fn connections(descriptors: u64) -> u64 {
    let left = descriptors.saturating_sub(OTHER_DESCRIPTORS);
    (left / 3).max(left.saturating_sub(BUSY_DESCRIPTORS))
}

/// For the files and callbacks of uploads that are under way, where all connections may be idle.
const BUSY_DESCRIPTORS: u64 = 8192;

/// For listeners, the catalog, segments of the log (256 at most), the application's page.
const OTHER_DESCRIPTORS: u64 = 380;

/// Fewer are no server: a browser alone opens six.
const MIN_CONNECTIONS: u64 = 16;

/// The fewest descriptors that allow for [`MIN_CONNECTIONS`].
const MIN_DESCRIPTORS: u64 = OTHER_DESCRIPTORS + 3 * MIN_CONNECTIONS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_are_taken_than_there_are_descriptors_for() {
        for (descriptors, expected) in [
            (20_000, 11_428),
            (14_000, 5428),
            (4096, 1238),
            (1024, 214),
            (MIN_DESCRIPTORS, MIN_CONNECTIONS),
            (MIN_DESCRIPTORS - 1, MIN_CONNECTIONS - 1),
            (256, 0),
        ] {
            assert_eq!(connections(descriptors), expected, "{descriptors}");
        }
    }
}
