//! A limit of open files says what it allows, and one that is too low is no server.

use tempfile::tempdir;

use crate::program::Upcall;

fn serve(limit: &str, data: &std::path::Path) -> Upcall {
    let script = format!("ulimit -n {limit}; exec \"$@\"");
    Upcall::serve(data).under(&["/bin/sh", "-c", &script, "sh"])
}

#[test]
fn too_few_descriptors_are_refused_and_few_are_said() {
    let folder = tempdir().unwrap();
    let said = serve("256", folder.path()).run().not_done();
    let sentence = "error: the limit of open files is 256; a server needs 428 at least";
    assert!(said.contains(sentence), "{said}");

    let mut few = serve("728", folder.path()).start();
    few.says("the limit of open files, 728, allows for 116 connections at once");
}
