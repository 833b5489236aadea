//! The connection of a call: a kept one, or a new one.
//!
//! In: a call that has its place. Out: how its exchange ended. A kept connection may be closed by the
//! application in the moment in which it is used again; a call that got no byte of an answer then is
//! sent once more on a new connection: the same bytes, so with the same id and signature. Whether the
//! application had read the first ones cannot be known, so it may see one call twice.

use std::sync::Arc;
use std::time::Instant;

use super::{Dispatcher, OneCall, Refusals, Request};
use crate::callback::exchange::{self, Connection, Curiosity, Ending, Progress, Wanted};
use crate::callback::load::{Crowded, Place, Sharing};
use crate::callback::request::{ConnectionUse, Origin, WrittenRequest};
use crate::fault;

impl Dispatcher {
    pub(super) async fn exchange(
        &self,
        one: OneCall<'_>,
        request: Request,
        place: &Place,
        progress: &mut Progress,
    ) -> Ending {
        let Some(request) = self.written(one, request).await else {
            return Ending::NotWritten;
        };
        progress.request_head = request.head.clone();
        let sharing = match one.order.connection {
            ConnectionUse::Own => None,
            ConnectionUse::Kept => Some(Sharing {
                bucket: one.order.bucket.clone(),
                destination: Arc::clone(place.destination()),
            }),
        };
        let kept = sharing.as_ref().and_then(|sharing| self.pool.take(sharing));
        if let Some(connection) = kept {
            progress.is_reused = true;
            progress.address = connection.address;
            let (ending, rest) = self.send(connection, one, &request, progress).await;
            if !(matches!(ending, Ending::Broken { .. }) && progress.is_unanswered()) {
                self.keep(sharing, rest);
                return ending;
            }
            progress.resend();
        }
        let destination = place.destination();
        let bytes = request.head.len() + request.body.len();
        let may_go = |address| {
            place.goes_to(address)?;
            let now = Instant::now();
            let is_made_up = one.order.origin == Origin::Uploader;
            if is_made_up && !self.unproven.may_send(destination, address, bytes, now) {
                return Err(Crowded::Unproven);
            }
            Ok(())
        };
        let connecting = self.connector.connect(destination, may_go, progress);
        let connection = match connecting.await {
            Ok(connection) => connection,
            Err(error) => {
                let (id, error_chain) = (&one.order.request_id, fault::chain(&error));
                tracing::debug!(%id, error = %error_chain, "no connection for a callback");
                return error.into();
            }
        };
        let (ending, rest) = self.send(connection, one, &request, progress).await;
        if ending == Ending::Agreed {
            self.unproven.agreed(destination);
        }
        self.keep(sharing, rest);
        ending
    }

    async fn send(
        &self,
        connection: Connection,
        one: OneCall<'_>,
        request: &WrittenRequest,
        progress: &mut Progress,
    ) -> (Ending, Option<Connection>) {
        let curiosity = if one.refusals == Refusals::AreHandedOn {
            Curiosity::Refusal
        } else if self.log.is_on() {
            Curiosity::Record
        } else {
            Curiosity::Nothing
        };
        let wanted = Wanted {
            curiosity,
            chunking: one.order.chunking,
        };
        exchange::exchange(connection, request, wanted, progress).await
    }

    fn keep(&self, sharing: Option<Sharing>, connection: Option<Connection>) {
        if let (Some(sharing), Some(connection)) = (sharing, connection) {
            self.pool.put(sharing, connection);
        }
    }
}
