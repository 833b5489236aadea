//! The contract suite on the embedded engine.

use upcall_store::contract;

use crate::store::TestStore;

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                contract::$name(&TestStore::open().ports()).await;
            }
        )*
    };
}

contract! {
    a_blob_that_an_object_points_to_is_not_removed,
    a_bucket_is_deleted_when_it_is_empty,
    a_bucket_is_what_was_made_of_it,
    a_bucket_name_is_taken_once,
    a_delimiter_rolls_keys_up,
    a_draft_needs_its_whole_length,
    a_draft_that_is_not_kept_is_gone,
    a_dropped_commit_is_all_or_nothing,
    a_dropped_write_loses_the_draft_and_nothing_else,
    a_failing_change_takes_no_other_down,
    a_page_is_bounded,
    a_reader_finishes_whoever_gives_the_blob_up,
    access_keys_are_kept_and_replaced,
    another_objects_bytes_are_not_read,
    an_object_is_what_was_committed,
    bytes_come_back_by_range,
    conditional_create_has_one_winner,
    deleting_returns_what_was_there,
    facts_come_back_with_the_bytes,
    keys_come_in_the_order_of_their_bytes,
    many_drafts_at_once_do_not_mix,
    overwriting_returns_what_was_replaced,
    a_call_is_owed_until_it_is_settled,
    a_refused_commit_owes_no_call,
    a_held_object_is_invisible_until_it_is_published,
    a_held_object_that_is_dropped_was_never_there,
    a_held_object_replaces_only_what_it_may,
    owed_calls_come_in_order,
    referenced_knows_what_objects_point_to,
    a_held_object_is_published_only_by_right,
    a_write_is_judged_by_what_is_so_at_its_turn,
    nothing_commits_after_a_revocation_was_answered,
    settings_change_only_by_right,
}

/// Operations per history; a flush each for a third of them.
const OPERATIONS: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_agree_with_the_model() {
    let histories: u64 = std::env::var("UPCALL_STORE_HISTORIES")
        .map_or(4, |count| count.parse().expect("a number of histories"));
    let store = TestStore::open();
    for seed in 0..histories {
        contract::history(&store.ports(), seed, OPERATIONS).await;
    }
}
