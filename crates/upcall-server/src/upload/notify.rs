//! Notify: the application hears of the object before the uploader does.
//!
//! In: [`Committed`]. Out: what the uploader is told. A call that fails undoes nothing, unless the bucket
//! is gated: there the object becomes visible when the application agrees, and is dropped when it does
//! not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use upcall::callback::answer::CallbackFailure;
use upcall::error::Refusal;
use upcall_store::catalog::{CatalogError, Gate, KeptAnswer, ObjectFacts};

use super::commit::{self, Committed};
use super::plan::Plan;
use crate::callback::{Begun, Called, OwedOrder, Refusals, Told, Turn, Verdict, is_unpublishable};
use crate::node::Server;

pub(crate) async fn notify(
    server: &Arc<Server>,
    committed: &mut Committed,
) -> Result<Told, Refusal> {
    let begun = committed.begun.take();
    // Until its turn was taken, and so until the end.
    let _expected = committed.expected.take();
    match &committed.plan {
        Plan::Nothing => Ok(Told::NotAsked),
        Plan::Impossible(failure) => Ok(Told::Failed(*failure)),
        Plan::Once(order) => {
            let called = server
                .dispatcher
                .call_begun(order, 1, Refusals::AreNotRead, begun);
            Ok(Told::of(&called.await, None))
        }
        Plan::Owed(owed) => {
            let id = committed.admitted.call.id.to_string();
            Ok(tell(server, owed, begun, &id).await)
        }
        Plan::Gated(owed, gate) => decide(server, committed, owed, begun, *gate).await,
    }
}

/// A call that is owed: what does not arrive now is made again, if the bucket says so.
async fn tell(server: &Arc<Server>, owed: &OwedOrder, begun: Option<Begun>, id: &str) -> Told {
    let outbox = &server.outbox;
    if outbox.take_turn(owed, turn_limit(server)).await == Turn::Later {
        return Told::Failed(CallbackFailure::TooMany);
    }
    let called = server
        .dispatcher
        .call_begun(&owed.order, 1, Refusals::AreNotRead, begun);
    let called = called.await;
    outbox.heard(owed, called.failure());
    let told = Told::of(&called, None);
    if let (Verdict::Later(failure), true) = (called.verdict(), owed.terms.until_ms.is_some()) {
        outbox.failed(owed, failure);
        return told;
    }
    settle(server, owed, &told, id).await;
    outbox.ended(owed);
    told
}

/// The call has arrived. If that cannot be written, it is made again after the next start: at least once.
async fn settle(server: &Arc<Server>, owed: &OwedOrder, told: &Told, id: &str) {
    let kept = owed.kept(told.clone(), server.clock.now());
    let is_kept = kept.is_some();
    let (catalog, blob) = (Arc::clone(&server.catalog), owed.id);
    let log_id = id.to_owned();
    let settling = async move {
        if let Err(error) = catalog.settle_call(blob, kept).await {
            tracing::error!(id = %log_id, error = %crate::fault::chain(&error), "a call that was made stays owed");
        }
    };
    if is_kept {
        // Whoever asks again must find it.
        settling.await;
    } else {
        drop(server.tasks.spawn(settling));
    }
}

/// The application decides whether there is an object.
async fn decide(
    server: &Arc<Server>,
    committed: &Committed,
    owed: &OwedOrder,
    begun: Option<Begun>,
    gate: Gate,
) -> Result<Told, Refusal> {
    let outbox = &server.outbox;
    let called = match outbox.take_turn(owed, turn_limit(server)).await {
        Turn::Now => {
            let called = server
                .dispatcher
                .call_begun(&owed.order, 1, Refusals::AreHandedOn, begun);
            let called = called.await;
            outbox.heard(owed, called.failure());
            called
        }
        // Others for the same key come first, and nobody answers.
        Turn::Later => {
            let failure = CallbackFailure::TooMany;
            if gate == Gate::Refuse && !outbox.withdraw(owed) {
                // The outbox is asking just now, and what it hears is what counts.
                return Ok(Told::Pending(failure));
            }
            Called {
                result: Err(failure),
                refusal: None,
            }
        }
    };
    let told = Told::of(&called, Some(gate));
    let refusal = |error: &CatalogError| commit::refusal(error, &committed.admitted);
    let kept = owed.kept(told.clone(), server.clock.now());
    match (called.verdict(), gate) {
        (Verdict::Yes, _) => match publish(server, committed, owed, kept).await {
            Ok((_, replaced)) => {
                if let Some(replaced) = replaced {
                    server.blobs.give_up(&replaced);
                }
                outbox.ended(owed);
                Ok(told)
            }
            Err(error) if is_unpublishable(&error) => {
                settle_held(server, committed, owed, None).await?;
                Err(refusal(&error))
            }
            Err(CatalogError::NotOwed) => {
                // Somebody who looks after the server has dropped it meanwhile.
                outbox.ended(owed);
                Ok(Told::Refused {
                    status: StatusCode::FORBIDDEN.as_u16(),
                    body: Bytes::new(),
                })
            }
            Err(error) => {
                // Nobody knows what became of it.
                outbox.undecided(owed);
                Err(refusal(&error))
            }
        },
        (Verdict::No, _) => {
            settle_held(server, committed, owed, kept).await?;
            Ok(told)
        }
        (Verdict::Later(_), Gate::Refuse) => {
            settle_held(server, committed, owed, None).await?;
            Ok(told)
        }
        (Verdict::Later(failure), Gate::Keep) => {
            outbox.failed(owed, failure);
            Ok(told)
        }
    }
}

async fn publish(
    server: &Server,
    committed: &Committed,
    owed: &OwedOrder,
    kept: Option<KeptAnswer>,
) -> Result<(ObjectFacts, Option<ObjectFacts>), CatalogError> {
    let writer = committed.admitted.requester.writer();
    server.catalog.publish_object(owed.id, &writer, kept).await
}

/// What was held is dropped.
async fn settle_held(
    server: &Arc<Server>,
    committed: &Committed,
    owed: &OwedOrder,
    kept: Option<KeptAnswer>,
) -> Result<(), Refusal> {
    let settled = server.catalog.settle_call(owed.id, kept).await;
    if let Err(error) = settled {
        server.outbox.undecided(owed);
        return Err(commit::refusal(&error, &committed.admitted));
    }
    server.outbox.ended(owed);
    Ok(())
}

/// How long an upload waits for the calls before its own.
fn turn_limit(server: &Server) -> Duration {
    server.limits.callback
}
