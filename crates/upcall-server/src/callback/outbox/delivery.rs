//! One call that the outbox makes, and what its end means for the object.

use upcall_store::blobs::BlobId;
use upcall_store::catalog::{CallProgress, CatalogError, Gate};

use super::Shared;
use super::destination_of;
use super::lines::Next;
use crate::callback::dispatcher::Refusals;
use crate::callback::owed_order::OwedOrder;
use crate::callback::told::Told;
use crate::callback::verdict::{Called, Verdict, is_unpublishable};

impl Shared {
    pub(super) async fn deliver(&self, next: &Next) {
        let (id, attempts) = (next.id, next.attempts);
        let owed = match self.catalog.owed_call(id).await {
            Ok(Some(owed)) => OwedOrder::read(&owed.call),
            Ok(None) => {
                self.lines().end(id, self.now());
                return;
            }
            Err(error) => {
                tracing::error!(%id, error = %crate::fault::chain(&error), "an owed call cannot be read");
                self.faulty(id, attempts, &error);
                return;
            }
        };
        let Some(owed) = owed else {
            tracing::error!(%id, "an owed call makes no sense; it is given up");
            self.give_up(id, attempts, "the record of the call cannot be understood");
            return;
        };
        let to = destination_of(&owed);
        if self.is_too_old(&owed) && attempts > 0 && !next.is_asked {
            self.too_old(&owed, attempts).await;
            return;
        }
        if !self.lines().goes_to(id, &to, self.now()) {
            return;
        }
        let refusals = match owed.terms.gate {
            Some(_) => Refusals::AreHandedOn,
            None => Refusals::AreNotRead,
        };
        let called = self.dispatcher.call(&owed.order, attempts + 1, refusals);
        let called = called.await;
        self.heard(&to, called.failure());
        if let Err(error) = self.decide(&owed, &called, attempts).await {
            tracing::error!(%id, error = %crate::fault::chain(&error), "what came of an owed call could not be recorded");
            self.faulty(id, attempts + 1, &error);
        }
    }

    async fn decide(
        &self,
        owed: &OwedOrder,
        called: &Called,
        attempts: u32,
    ) -> Result<(), CatalogError> {
        let id = owed.id;
        match (called.verdict(), owed.terms.gate) {
            (Verdict::Yes, Some(_)) => {
                let kept = owed.kept_late(Told::of(called, owed.terms.gate), self.clock.now());
                let writer = owed.writer();
                match self.catalog.publish_object(id, &writer, kept).await {
                    Ok((_, replaced)) => {
                        if let Some(replaced) = replaced {
                            self.blobs.give_up(&replaced);
                        }
                    }
                    Err(error) if is_unpublishable(&error) => {
                        tracing::warn!(%id, %error, "a held object is dropped, though the application agreed");
                        self.catalog.settle_call(id, None).await?;
                    }
                    Err(CatalogError::NotOwed) => {}
                    Err(error) => return Err(error),
                }
                self.end(id);
            }
            (Verdict::Yes, None) | (Verdict::No, _) => {
                let kept = owed.kept_late(Told::of(called, owed.terms.gate), self.clock.now());
                self.catalog.settle_call(id, kept).await?;
                self.end(id);
            }
            (Verdict::Later(failure), gate) => {
                let is_once = owed.terms.until_ms.is_none() && gate.is_none();
                if is_once {
                    let kept = owed.kept(Told::of(called, owed.terms.gate), self.clock.now());
                    self.catalog.settle_call(id, kept).await?;
                    self.end(id);
                } else if self.is_too_old(owed) {
                    self.too_old(owed, attempts + 1).await;
                } else {
                    self.failed(id, failure);
                }
            }
        }
        Ok(())
    }

    /// Whether nobody tries any more after this.
    fn is_too_old(&self, owed: &OwedOrder) -> bool {
        let now = self.clock.now().as_millisecond();
        owed.terms.until_ms.is_some_and(|until| until <= now)
    }

    /// What is held and must not be kept is dropped; the rest stays for whoever looks after it.
    async fn too_old(&self, owed: &OwedOrder, attempts: u32) {
        if owed.terms.gate == Some(Gate::Refuse) {
            match self.catalog.settle_call(owed.id, None).await {
                Ok(_) => self.end(owed.id),
                Err(error) => {
                    tracing::error!(id = %owed.id, error = %crate::fault::chain(&error), "what is held could not be dropped");
                    self.lines().failed(owed.id, self.now());
                }
            }
            return;
        }
        self.give_up(owed.id, attempts, "its time is over");
    }

    /// The store failed. What is damaged stays damaged, and must not keep back those behind it.
    fn faulty(&self, id: BlobId, attempts: u32, error: &CatalogError) {
        if matches!(error, CatalogError::Corrupt(_)) {
            self.give_up(id, attempts, "what the store has of it is damaged");
        } else {
            self.lines().failed(id, self.now());
        }
    }

    fn give_up(&self, id: BlobId, attempts: u32, why: &str) {
        tracing::warn!(%id, attempts, why, "an owed call is given up");
        self.unwritten.note(
            id,
            CallProgress {
                attempts,
                next: None,
                last_failure: Some(why.to_owned()),
                is_given_up: true,
            },
        );
        self.lines().end(id, self.now());
    }
}
