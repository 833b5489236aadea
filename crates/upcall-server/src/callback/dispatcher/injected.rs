//! Calls that go wrong because somebody ordered it.
//!
//! In: a call and a [`CallFault`]. Out: what a call gives, as if the application, or the way to it, had
//! been so; the record says besides what was ordered.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use upcall::callback::answer;

use super::{Dispatcher, Made, OneCall, Request, explained};
use crate::callback::exchange::{Answer, Ending, Progress, Stage};
use crate::callback::load::Place;
use crate::callback::request::Signing;
use crate::injection::{CallFault, Injected};

impl Dispatcher {
    /// Makes a call as it was ordered; each call that the application gets is recorded.
    pub(super) async fn make_injected(
        &self,
        one: OneCall<'_>,
        request: Request,
        injected: Injected<CallFault>,
    ) -> Made {
        if injected.fault != CallFault::Twice {
            return self.make_once(one, request, Some(injected)).await;
        }
        // Not signed anew: a second call with another signature would be another request.
        let Some(written) = self.written(one, request).await else {
            return self.make_once(one, Request::ToWrite, None).await;
        };
        let again = Request::Written(written.clone());
        let first = Request::Written(written);
        self.make_once(one, first, Some(injected)).await;
        self.make_once(one, again, Some(injected)).await
    }

    pub(super) async fn exchange_injected(
        &self,
        fault: CallFault,
        one: OneCall<'_>,
        request: Request,
        place: &Place,
        progress: &mut Progress,
    ) -> Ending {
        match fault {
            CallFault::BadJson => answer_as_if("200 OK", HALF_JSON, progress),
            CallFault::InternalError => answer_as_if("500 Internal Server Error", b"{}", progress),
            CallFault::Refuse => {
                progress.enter(Stage::Connecting);
                Ending::NotConnected(io::ErrorKind::ConnectionRefused)
            }
            CallFault::Reset => {
                let ending = self.exchange(one, request, place, progress).await;
                lose(ending, progress)
            }
            CallFault::Slow(delay) => {
                let ending = self.exchange(one, request, place, progress).await;
                wait(delay, progress).await;
                ending
            }
            CallFault::Twice => self.exchange(one, request, place, progress).await,
            CallFault::WrongSignature => {
                let writing = self.writing(one.order, one.url(), Signing::Wrong);
                let written = self.desk.run(writing).await;
                let Some(written) = written.and_then(|written| explained(written, one.order))
                else {
                    return Ending::NotWritten;
                };
                let request = Request::Written(written);
                self.exchange(one, request, place, progress).await
            }
        }
    }
}

/// The answer of an application that was not asked, judged as any other.
fn answer_as_if(status: &str, body: &'static [u8], progress: &mut Progress) -> Ending {
    let length = body.len().to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let code = status.split(' ').next().and_then(|code| code.parse().ok());
    let code = code.expect("a status line of ours begins with a number");
    progress.enter(Stage::Head);
    progress.received = BytesMut::from(body);
    progress.answer = Some(Answer {
        status: code,
        head: head.into(),
        body: Bytes::new(),
        content_type: "application/json".to_owned(),
        announced: Some(body.len() as u64),
    });
    let judged = answer::judge_head(code, Some(&length));
    let judged = judged.and_then(|_| answer::judge_body("application/json", body));
    judged.map_or_else(Ending::from, |()| Ending::Agreed)
}

/// The application has answered, and the answer does not get here.
fn lose(ending: Ending, progress: &mut Progress) -> Ending {
    if progress.answer.take().is_none() {
        // There was none anyway, and why is more to the point.
        return ending;
    }
    progress.received.clear();
    progress.stage = Stage::Waiting;
    Ending::Broken {
        stage: Stage::Waiting,
        is_reset: true,
    }
}

/// The answer comes later: until then there is none, should the time be over before.
async fn wait(delay: Duration, progress: &mut Progress) {
    let (answer, stage) = (progress.answer.take(), progress.stage);
    let received = std::mem::take(&mut progress.received);
    progress.stage = Stage::Waiting;
    tokio::time::sleep(delay).await;
    progress.answer = answer;
    progress.received = received;
    progress.stage = stage;
}

/// JSON that breaks off.
const HALF_JSON: &[u8] = br#"{"Status":"OK""#;
