//! The one line that a request leaves in the log, when it is over.
//!
//! Written when the answer's last byte has gone, or when the request is given up at whatever point:
//! the line is written by `Drop`, so no path forgets it. Never in it: signatures, policies, callback
//! bodies. Values from outside are escaped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use jiff::Timestamp;
use upcall::error::Refusal;
use upcall::form::PostForm;

use super::metrics::Metrics;
use crate::http::request_id::RequestId;
use crate::http::target::Target;
use crate::limits;
use crate::upload::refused::{self, RefusedUpload};

/// What is known about a request so far.
#[derive(Debug)]
pub(crate) struct RequestLine {
    id: RequestId,
    peer: SocketAddr,
    started: Instant,
    operation: &'static str,
    bucket: Option<String>,
    key: Option<String>,
    bytes: Option<u64>,
    status: Option<StatusCode>,
    refusal: Option<(&'static str, String)>,
    callback: Option<String>,
    steps: Vec<(&'static str, Duration)>,
    failure: Option<String>,
    /// The fields of an upload, in case it is refused; never in the log.
    form: Option<Arc<PostForm>>,
    metrics: Arc<Metrics>,
}

impl RequestLine {
    pub(crate) fn new(id: RequestId, peer: SocketAddr, metrics: Arc<Metrics>) -> Self {
        Self {
            id,
            peer,
            started: Instant::now(),
            operation: "-",
            bucket: None,
            key: None,
            bytes: None,
            status: None,
            refusal: None,
            callback: None,
            steps: Vec::new(),
            failure: None,
            form: None,
            metrics,
        }
    }

    pub(crate) fn names(&mut self, operation: &'static str, target: &Target) {
        self.operation = operation;
        self.bucket = target.bucket.as_ref().map(ToString::to_string);
        self.key = target.key.as_ref().map(ToString::to_string);
    }

    /// The request is one of the admin interface.
    pub(crate) fn admin(&mut self) {
        self.operation = "Admin";
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    pub(crate) fn remember_form(&mut self, form: &Arc<PostForm>) {
        self.form = Some(Arc::clone(form));
    }

    /// The memory of forms is counted only until they are admitted.
    pub(crate) fn forget_large_form(&mut self) {
        self.form
            .take_if(|form| refused::form_bytes(form) > limits::ADMITTED_FORM_BYTES);
    }

    pub(crate) fn forget_form(&mut self) {
        self.form = None;
    }

    /// What is kept of an upload that was refused; `None` if it is something else.
    pub(crate) fn refused_upload(
        &mut self,
        refusal: &Refusal,
        at: Timestamp,
    ) -> Option<RefusedUpload> {
        if !super::metrics::is_upload(self.operation) {
            return None;
        }
        let form = self.form.take();
        let key = || {
            form.as_ref()
                .and_then(|form| form.field(upcall::form::KnownField::KEY))
        };
        Some(RefusedUpload {
            id: self.id.to_string(),
            at,
            operation: self.operation,
            peer: self.peer.ip(),
            bucket: self.bucket.clone(),
            key: self.key.clone().or_else(|| key().map(str::to_owned)),
            refusal: refusal.clone(),
            form,
        })
    }

    pub(crate) fn bytes(&mut self, bytes: u64) {
        self.bytes = Some(bytes);
    }

    /// How the call to the application ended.
    pub(crate) fn callback(&mut self, verdict: String) {
        self.callback = Some(verdict);
    }

    /// How long a step took.
    pub(crate) fn step(&mut self, name: &'static str, took: Duration) {
        self.steps.push((name, took));
    }

    /// Runs a step and notes how long it took.
    pub(crate) async fn timed<T>(
        &mut self,
        name: &'static str,
        step: impl Future<Output = T>,
    ) -> T {
        let started = Instant::now();
        let result = step.await;
        self.step(name, started.elapsed());
        result
    }

    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        // The sentence for an unmet condition repeats the policy, which does not belong into a log.
        let sentence = match refusal.row().ec {
            Some("0006-00000227") => "a condition of the policy is not met",
            _ => refusal.hint_text().unwrap_or_else(|| refusal.text()),
        };
        self.refusal = Some((refusal.row().code, sentence.to_owned()));
    }

    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// The answer broke off.
    pub(crate) fn failed(&mut self, error: &dyn std::error::Error) {
        self.failure = Some(crate::fault::chain(error));
    }

    fn text(&self) -> String {
        let mut text = format!(
            "id={} op={} peer={}",
            self.id,
            self.operation,
            self.peer.ip()
        );
        // Writing to a String cannot fail.
        let _ = match self.status {
            Some(status) => write!(text, " status={}", status.as_u16()),
            None => write!(text, " status=gone"),
        };
        if let Some(bucket) = &self.bucket {
            let _ = write!(text, " bucket={bucket}");
        }
        if let Some(key) = &self.key {
            let _ = write!(text, " key={key:?}");
        }
        if let Some(bytes) = self.bytes {
            let _ = write!(text, " bytes={bytes}");
        }
        if let Some(callback) = &self.callback {
            let _ = write!(text, " callback={callback:?}");
        }
        for (name, took) in &self.steps {
            let _ = write!(text, " {name}_ms={:.1}", took.as_secs_f64() * 1e3);
        }
        let _ = write!(
            text,
            " total_ms={:.1}",
            self.started.elapsed().as_secs_f64() * 1e3
        );
        if let Some((code, sentence)) = &self.refusal {
            let _ = write!(text, " code={code} why={sentence:?}");
        }
        if let Some(failure) = &self.failure {
            let _ = write!(text, " failure={failure:?}");
        }
        text
    }
}

impl Drop for RequestLine {
    fn drop(&mut self) {
        let status = self.status.map_or(0, |status| status.as_u16());
        self.metrics
            .request(self.operation, status, self.started.elapsed(), self.bytes);
        if self.status.is_some_and(|status| status.is_server_error()) || self.failure.is_some() {
            tracing::error!("{}", self.text());
        } else if tracing::enabled!(tracing::Level::INFO) {
            tracing::info!("{}", self.text());
        }
    }
}
