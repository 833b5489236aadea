//! The upload path: form → admit → ingest → commit → notify → respond.
//!
//! `PostObject` walks all of it; `PutObject` makes its own [`Admitted`] from headers and shares
//! everything after.

pub(crate) mod admit;
pub(crate) mod again;
mod bucket_rules;
pub(crate) mod callback;
pub(crate) mod commit;
pub(crate) mod form;
pub(crate) mod hasher;
mod image;
pub(crate) mod ingest;
mod injected;
pub(crate) mod new_key;
pub(crate) mod notify;
mod plan;
pub(crate) mod refused;
pub(crate) mod respond;

use std::sync::Arc;

use upcall::error::Refusal;
use upcall_store::catalog::BucketFacts;

use crate::callback::{Told, ToldUpload};
use crate::http::answer::Answer;
use crate::http::service::Call;
use crate::node::Server;
use crate::operations;
use crate::telemetry::request_line::RequestLine;
use admit::Admitted;

/// `PostObject`: six steps, each fed by the one before and by nothing else.
pub(crate) async fn post_object(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
    line: &mut RequestLine,
) -> Result<Answer, Refusal> {
    // Each step has a box of its own, which is gone when it is over: thousands may wait for an
    // application, and what they needed before is not kept for that long.
    let (admitted, file) = Box::pin(admission(server, call, bucket, line)).await?;
    run(server, admitted, file, line).await
}

async fn admission(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
    line: &mut RequestLine,
) -> Result<(Box<Admitted>, form::FormFile), Refusal> {
    // Nothing is kept of a form for a bucket that does not exist.
    let bucket = Some(operations::existing(&call, bucket)?);
    let (head, file) = line.timed("form", form::read_head(call, server)).await?;
    line.remember_form(&head.form);
    let admitted = line
        .timed("admit", admit::admit_form(server, head, bucket))
        .await?;
    line.key(admitted.key.as_str());
    line.forget_large_form();
    Ok((Box::new(admitted), file))
}

/// What every upload does once it is admitted.
pub(crate) async fn run(
    server: &Arc<Server>,
    admitted: Box<Admitted>,
    file: impl ingest::FileSource,
    line: &mut RequestLine,
) -> Result<Answer, Refusal> {
    if let Some(injector) = &server.injector {
        Box::pin(injected::apply(injector, &admitted)).await?;
    }
    let named = match again::look(server, &admitted).await? {
        again::Before::Unknown(named) => named,
        again::Before::Answered(told) => {
            let call = &admitted.call;
            let plain = || Answer::new(http::StatusCode::OK);
            return Ok(respond::answer(
                &told,
                &call.id.to_string(),
                &call.host,
                plain,
            ));
        }
    };
    let ingested = line
        .timed("ingest", Box::pin(ingest::ingest(server, &admitted, file)))
        .await?;
    line.bytes(ingested.length);
    admitted.call.exchange.request_is_over();
    // It would wait with the upload for the application's answer.
    line.forget_form();
    let (committed, told) = finish(server, admitted, ingested, named, line).await?;
    Ok(respond::respond(&committed, &told))
}

/// Commit and notify belong together: once the object is there, the application hears of it, even if
/// the uploader hangs up in between. So nobody can cancel them.
async fn finish(
    server: &Arc<Server>,
    admitted: Box<Admitted>,
    ingested: ingest::Ingested,
    named: Option<again::Named>,
    line: &mut RequestLine,
) -> Result<(commit::Committed, Arc<ToldUpload>), Refusal> {
    let task_server = Arc::clone(server);
    let finishing = server.tasks.finish_anyway(async move {
        let started = std::time::Instant::now();
        let mut committed = commit::commit(&task_server, admitted, ingested).await?;
        let commit_took = started.elapsed();
        let started = std::time::Instant::now();
        let told = notify::notify(&task_server, &mut committed).await?;
        let told = Arc::new(ToldUpload {
            told,
            receipt: plan::receipt(&committed.object),
        });
        if let Some(named) = named {
            named.tell(&told);
        }
        // What is undecided is asked of the store.
        if !matches!(told.told, Told::NotAsked | Told::Pending(_)) {
            let request_id = committed.admitted.call.id.to_string();
            task_server.answers.remember(request_id, Arc::clone(&told));
        }
        Ok::<_, Refusal>((committed, told, commit_took, started.elapsed()))
    });
    let (committed, told, commit_took, notify_took) = finishing.await?;
    line.step("commit", commit_took);
    if let Some(word) = told.told.word() {
        line.callback(word);
        line.step("notify", notify_took);
    }
    Ok((committed, told))
}
