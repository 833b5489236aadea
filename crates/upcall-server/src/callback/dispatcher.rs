//! One callback: signed, sent to its URLs in turn, its answer judged, each call recorded.
//!
//! In: a [`CallbackOrder`], rendered when the object was committed. Out: the application's answer
//! for the uploader, or the failure that the uploader is told with 203. All URLs of a call share one
//! time limit, in which it waits for its turn, too.
//!
//! Source: OSS, "Callback" (steps 3 to 5).

mod connection;
mod injected;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{broadcast, oneshot};
use upcall::callback::CallbackUrl;
use upcall::callback::answer::{self, CallbackFailure};

use super::destination::Destination;
use super::exchange::{Connector, Ending, Progress};
use super::guard::Guard;
use super::load::{PlaceLimits, Places, Pool, SigningDesk, Unproven, UnprovenLimits};
use super::record::{CallLog, CallRecord, NewRecord};
use super::report::CallbackReport;
use super::request::{self, CallbackOrder, Origin, RequestError, Signing, WrittenRequest};
use super::signer::Signer;
use super::verdict::Called;
use crate::clock::Clock;
use crate::fault;
use crate::injection::{CallFault, Injected, Injector};
use crate::limits::Limits;
use crate::telemetry::metrics::Metrics;

/// What the application said, for the uploader.
#[derive(Clone, Debug)]
pub(crate) struct CallbackAnswer {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

/// Makes calls.
pub(crate) struct Dispatcher {
    connector: Connector,
    pool: Pool,
    places: Arc<Places>,
    unproven: Unproven,
    signer: Arc<Signer>,
    desk: SigningDesk,
    time_limit: Duration,
    log: Arc<CallLog>,
    reports: broadcast::Sender<CallbackReport>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Only where faults may be ordered.
    injector: Option<Arc<Injector>>,
}

/// What a dispatcher is made of.
pub(crate) struct DispatcherConfig<'l> {
    pub(crate) guard: Guard,
    pub(crate) signer: Arc<Signer>,
    pub(crate) limits: &'l Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) injector: Option<Arc<Injector>>,
}

impl Dispatcher {
    /// Must be called on a runtime.
    ///
    /// # Errors
    /// The system's TLS set-up cannot be used.
    pub(crate) fn new(config: DispatcherConfig<'_>) -> Result<Self, rustls::Error> {
        let limits = config.limits;
        Ok(Self {
            connector: Connector::new(config.guard)?,
            // Where descriptors are few, so are connections: none of them is to be had for what rests.
            pool: Pool::start(limits.connections / 8),
            places: Places::new(PlaceLimits {
                calls: limits.callbacks,
                under_way: limits.callbacks_under_way,
                under_way_each: limits.callbacks_under_way_each,
                waiting_each: limits.callbacks_waiting_each,
                wait: limits.callback_wait.min(limits.callback),
            }),
            unproven: Unproven::new(UnprovenLimits {
                bytes: limits.callback_unproven_bytes,
                rate: limits.callback_unproven_rate,
            }),
            desk: SigningDesk::start(),
            signer: config.signer,
            time_limit: limits.callback,
            log: Arc::new(CallLog::new(limits, config.clock.clone())),
            reports: broadcast::channel(REPORTS).0,
            metrics: config.metrics,
            clock: config.clock,
            injector: config.injector,
        })
    }

    /// How many calls have begun and not ended.
    pub(crate) fn under_way(&self) -> usize {
        self.metrics.callbacks_under_way()
    }

    /// What happens, for onlookers; a slow one misses some.
    pub(crate) fn reports(&self) -> broadcast::Receiver<CallbackReport> {
        self.reports.subscribe()
    }

    /// The record of the calls that were made.
    pub(crate) fn log(&self) -> &Arc<CallLog> {
        &self.log
    }

    /// Begins to sign a call that will be made soon, if that takes long: beside the flush, say, that
    /// makes its object durable. Not one that will have to wait for its turn, and may not get one.
    pub(crate) fn begin(&self, order: &Arc<CallbackOrder>) -> Option<Begun> {
        let url = order.parameter.urls.first()?;
        let destination = Destination::new(url, order.parameter.sni);
        let claim = self.places.claim(order);
        if self.desk.is_busy() || !self.places.has_room(destination, claim) {
            return None;
        }
        let writing = self.writing(order, url, Signing::Genuine);
        self.desk.begin(writing).ok().map(Begun)
    }

    /// Calls the URLs in turn until one agrees; `attempt` says how often the order was made, with
    /// this time.
    pub(crate) async fn call(
        &self,
        order: &Arc<CallbackOrder>,
        attempt: u32,
        refusals: Refusals,
    ) -> Called {
        self.call_begun(order, attempt, refusals, None).await
    }

    /// The same for a call whose first request may be signed already.
    pub(crate) async fn call_begun(
        &self,
        order: &Arc<CallbackOrder>,
        attempt: u32,
        refusals: Refusals,
        mut begun: Option<Begun>,
    ) -> Called {
        self.metrics.callback_began();
        let started = Instant::now();
        let mut called = Called {
            result: Err(CallbackFailure::CannotConnect),
            refusal: None,
        };
        let mut last = (0, None);
        let mut sent_to: Vec<&CallbackUrl> = Vec::new();
        for (number, url) in order.parameter.urls.iter().enumerate() {
            // Otherwise an uploader who names one host five times would have the body sent to it as often.
            let is_again = |url, sent| order.origin == Origin::Uploader && is_same(url, sent);
            if sent_to.iter().any(|sent| is_again(url, sent)) {
                continue;
            }
            let others = &order.parameter.urls[number + 1..];
            let others = others.iter().filter(|other| !is_again(other, url));
            let spent = match number {
                0 => Duration::ZERO,
                _ => started.elapsed(),
            };
            let one = OneCall {
                order,
                url: number,
                attempt: usize::try_from(attempt).unwrap_or(usize::MAX),
                since: started,
                limit: time_for_one(self.time_limit, spent, others.count()),
                refusals,
            };
            if number > 0 && one.limit.is_zero() {
                break;
            }
            let made = self.make(one, begun.take()).await;
            called = made.called;
            last = (number, made.injected);
            if called.result.is_ok() {
                break;
            }
            if made.was_sent {
                sent_to.push(url);
            }
        }
        let took = started.elapsed();
        let word = if called.result.is_ok() {
            "agreed"
        } else {
            "failed"
        };
        self.metrics.callback_ended(word, took);
        self.report(order, last, &called.result, took);
        called
    }

    /// Makes a recorded call once more: the same body to the same URL, signed anew. The new record;
    /// `None` if nothing is recorded any more.
    pub(crate) async fn replay(&self, recorded: &CallRecord) -> Option<Arc<CallRecord>> {
        let order = recorded.order();
        let one = OneCall {
            order,
            url: recorded.url_number(),
            attempt: self.log.attempts(&order.request_id) + 1,
            since: Instant::now(),
            limit: self.time_limit,
            refusals: Refusals::AreNotRead,
        };
        self.make(one, None).await.record
    }

    /// Makes a call, with what is ordered to go wrong with it, and records it.
    async fn make(&self, one: OneCall<'_>, begun: Option<Begun>) -> Made {
        let request = begun.map_or(Request::ToWrite, Request::Begun);
        let injected = self.injector.as_deref().and_then(|injector| {
            let order = one.order;
            injector.of_call(&order.bucket, &order.key)
        });
        match injected {
            None => self.make_once(one, request, None).await,
            Some(injected) => Box::pin(self.make_injected(one, request, injected)).await,
        }
    }

    async fn make_once(
        &self,
        one: OneCall<'_>,
        request: Request,
        injected: Option<Injected<CallFault>>,
    ) -> Made {
        let (ending, progress) = self.call_one(one, request, injected).await;
        let called = Called {
            result: answered(&ending, &progress),
            refusal: refused(&progress),
        };
        let was_sent = progress.is_sent;
        let record = self.log.keep(|| NewRecord {
            order: Arc::clone(one.order),
            url: one.url,
            attempt: one.attempt,
            since: one.since,
            ending,
            progress,
            injected,
        });
        Made {
            called,
            was_sent,
            record,
            injected,
        }
    }

    async fn call_one(
        &self,
        one: OneCall<'_>,
        request: Request,
        injected: Option<Injected<CallFault>>,
    ) -> (Ending, Progress) {
        let mut progress = Progress::begin();
        let destination = Destination::new(one.url(), one.order.parameter.sni);
        let claim = self.places.claim(one.order);
        let ending = match self.places.enter(destination, claim).await {
            Err(crowded) => Ending::Crowded(crowded),
            Ok(place) => {
                let limit = one.limit;
                let left = limit.saturating_sub(progress.elapsed());
                let call = async {
                    match injected {
                        None => self.exchange(one, request, &place, &mut progress).await,
                        Some(Injected { fault, .. }) => {
                            let call =
                                self.exchange_injected(fault, one, request, &place, &mut progress);
                            Box::pin(call).await
                        }
                    }
                };
                match tokio::time::timeout(left, call).await {
                    Ok(ending) => ending,
                    Err(_) => Ending::TimedOut {
                        stage: progress.stage,
                        limit,
                    },
                }
            }
        };
        progress.end();
        (ending, progress)
    }

    /// The signed request; `None` if there can be none, which the log explains.
    async fn written(&self, one: OneCall<'_>, request: Request) -> Option<WrittenRequest> {
        let written = match request {
            Request::Begun(Begun(comes)) => comes.await.ok()?,
            Request::ToWrite => {
                let writing = self.writing(one.order, one.url(), Signing::Genuine);
                self.desk.run(writing).await?
            }
            Request::Written(written) => return Some(written),
        };
        explained(written, one.order)
    }

    fn writing(
        &self,
        order: &Arc<CallbackOrder>,
        url: &CallbackUrl,
        signing: Signing,
    ) -> impl FnOnce() -> Result<WrittenRequest, RequestError> + Send + 'static {
        let (order, url, now) = (Arc::clone(order), url.clone(), self.clock.now());
        let signer = Arc::clone(&self.signer);
        move || request::write(&order, &url, &signer, signing, now)
    }

    fn report(
        &self,
        order: &CallbackOrder,
        (url, injected): (usize, Option<Injected<CallFault>>),
        result: &Result<CallbackAnswer, CallbackFailure>,
        took: Duration,
    ) {
        if self.reports.receiver_count() == 0 {
            return;
        }
        let outcome = match result {
            Ok(_) => "200".to_owned(),
            Err(failure) => failure.refusal().text().to_owned(),
        };
        // The last onlooker may have gone in between.
        let _ = self.reports.send(CallbackReport {
            request_id: order.request_id.clone(),
            bucket: order.bucket.to_string(),
            key: order.key.to_string(),
            url: order.parameter.urls[url].as_given().to_owned(),
            outcome,
            is_success: result.is_ok(),
            took,
            signed_with: order.signing_key.class(),
            fault: injected.map(|injected| injected.fault.name()),
        });
    }
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// One call to one URL of an order.
#[derive(Clone, Copy)]
struct OneCall<'o> {
    order: &'o Arc<CallbackOrder>,
    /// Which of them.
    url: usize,
    /// How often the order was made, with this time.
    attempt: usize,
    /// When the first of them began.
    since: Instant,
    /// How long it may take.
    limit: Duration,
    refusals: Refusals,
}

/// Whether two URLs have one host and port, as they are written.
fn is_same(url: &CallbackUrl, other: &CallbackUrl) -> bool {
    url.port() == other.port() && url.host().eq_ignore_ascii_case(other.host())
}

/// How long a call to one URL may take, when so much of the whole was spent and so many URLs come after
/// it: it leaves them a tenth of the whole each, so that one that stalls does not keep the next from
/// being tried. In milliseconds, since people read it.
fn time_for_one(whole: Duration, spent: Duration, after: usize) -> Duration {
    let after = u32::try_from(after).unwrap_or(u32::MAX);
    let kept = (whole / 10).saturating_mul(after);
    let left = whole.saturating_sub(spent).saturating_sub(kept);
    left.saturating_sub(Duration::from_nanos(u64::from(
        left.subsec_nanos() % 1_000_000,
    )))
}

impl<'o> OneCall<'o> {
    fn url(&self) -> &'o CallbackUrl {
        &self.order.parameter.urls[self.url]
    }
}

/// How far a call's request is.
enum Request {
    /// It is being signed.
    Begun(Begun),
    ToWrite,
    Written(WrittenRequest),
}

/// What came of a call.
struct Made {
    called: Called,
    /// Whether the request went out, or some of it.
    was_sent: bool,
    /// `None` if none is kept.
    record: Option<Arc<CallRecord>>,
    injected: Option<Injected<CallFault>>,
}

/// A request that was written; or the log says why not.
fn explained(
    written: Result<WrittenRequest, RequestError>,
    order: &CallbackOrder,
) -> Option<WrittenRequest> {
    written
        .inspect_err(|error| {
            let (id, error) = (&order.request_id, fault::chain(error));
            tracing::error!(%id, %error, "a callback could not be written");
        })
        .ok()
}

/// What the uploader gets of it.
fn answered(ending: &Ending, progress: &Progress) -> Result<CallbackAnswer, CallbackFailure> {
    match (ending.failure(), &progress.answer) {
        (Some(failure), _) => Err(failure),
        (None, Some(answer)) => Ok(CallbackAnswer {
            content_type: answer::media_type(&answer.content_type),
            body: answer.body.clone(),
        }),
        (None, None) => Err(CallbackFailure::CannotConnect),
    }
}

/// A request that is being signed.
#[derive(Debug)]
pub(crate) struct Begun(oneshot::Receiver<Result<WrittenRequest, RequestError>>);

/// What the application said when it refused, if that can be handed on: JSON, all of it.
fn refused(progress: &Progress) -> Option<Bytes> {
    let answer = progress.answer.as_ref()?;
    let is_whole = answer.announced == Some(answer.body.len() as u64);
    let is_refusal = matches!(answer.status, 400..=499) && is_whole;
    let is_json = is_refusal && answer::judge_body("application/json", &answer.body).is_ok();
    is_json.then(|| answer.body.clone())
}

/// Whether the uploader gets to read what an application says that refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusals {
    AreHandedOn,
    AreNotRead,
}

/// How many reports an onlooker may lag behind.
const REPORTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_has_all_of_the_time_and_several_share_it() {
        let time = |spent: u64, after| {
            let spent = Duration::from_micros(spent);
            time_for_one(Duration::from_secs(5), spent, after).as_millis()
        };
        assert_eq!(time(0, 0), 5000);
        assert_eq!([time(0, 1), time(0, 4)], [4500, 3000]);
        assert_eq!([time(3_000_250, 1), time(4_500_000, 0)], [1499, 500]);
        assert_eq!([time(5_000_001, 0), time(4_600_000, 1)], [0, 0]);
    }
}
