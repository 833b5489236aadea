//! Notify: the application hears of the object before the uploader does.
//!
//! In: [`Committed`]. Out: [`Notified`]. Nothing here undoes the upload; a call that failed is told
//! to the uploader with 203.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use upcall::callback::CallbackFacts;
use upcall::callback::answer::CallbackFailure;

use super::commit::Committed;
use crate::callback::{CallbackAnswer, CallbackOrder};
use crate::node::Server;

/// How the application took it.
#[derive(Debug)]
pub(crate) enum Notified {
    /// Nobody asked for a call.
    NotAsked,
    Agreed(CallbackAnswer),
    Failed(CallbackFailure),
}

impl Notified {
    /// In a word or two, for the log.
    pub(crate) fn verdict(&self) -> Option<String> {
        match self {
            Self::NotAsked => None,
            Self::Agreed(_) => Some("200".to_owned()),
            Self::Failed(failure) => Some(failure.refusal().text().to_owned()),
        }
    }
}

pub(crate) async fn notify(server: &Arc<Server>, committed: &Committed) -> Notified {
    let Committed {
        admitted,
        object,
        image,
    } = committed;
    let Some(callback) = &admitted.callback else {
        return Notified::NotAsked;
    };
    let request_id = admitted.call.id.to_string();
    let facts = CallbackFacts {
        bucket: object.bucket.as_str(),
        object: object.key.as_str(),
        etag: &object.etag.to_string(),
        size: object.length,
        mime_type: &object.content_type,
        image: image.as_ref(),
        crc64: object.crc64,
        content_md5: &STANDARD.encode(object.etag.md5()),
        vpc_id: "",
        client_ip: &admitted.call.peer.ip().to_canonical().to_string(),
        req_id: &request_id,
        operation: admitted.operation,
    };
    let parameter = &callback.parameter;
    let body = match parameter
        .body
        .render(parameter.body_type, &facts, &callback.variables)
    {
        Ok(body) => body,
        Err(failure) => return Notified::Failed(failure),
    };
    let order = Arc::new(CallbackOrder {
        body: body.into(),
        parameter: parameter.clone(),
        request_id,
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        owner: admitted.bucket.owner.clone(),
        requester: admitted.requester.id_text().to_owned(),
    });
    match server.dispatcher.call(&order).await {
        Ok(answer) => Notified::Agreed(answer),
        Err(failure) => Notified::Failed(failure),
    }
}
