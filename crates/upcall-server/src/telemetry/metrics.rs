//! Figures for Prometheus, on the admin address. Few labels, none of them unbounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Every figure of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabels, Histogram>,
    uploaded: Counter,
    callbacks: Family<CallbackLabels, Counter>,
    callback_durations: Histogram,
    callbacks_under_way: Gauge,
    callbacks_owed: Gauge,
    stored: AtomicU64,
    refused: AtomicU64,
}

/// What happened since the start, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    /// Uploads that became objects.
    pub(crate) stored: u64,
    /// Uploads that did not.
    pub(crate) refused: u64,
    /// Bytes of those that did.
    pub(crate) bytes: u64,
    pub(crate) agreed: u64,
    pub(crate) failed: u64,
    pub(crate) under_way: i64,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CallbackLabels {
    outcome: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("upcall");
        let requests = Family::default();
        registry.register(
            "requests",
            "Requests, by operation and status (0: the client went away)",
            requests.clone(),
        );
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register_with_unit(
            "request_duration",
            "Time from head to last byte of the answer",
            Unit::Seconds,
            durations.clone(),
        );
        let uploaded = Counter::default();
        registry.register_with_unit(
            "uploaded",
            "Bytes of files that became objects",
            Unit::Bytes,
            uploaded.clone(),
        );
        let callbacks = Family::default();
        registry.register(
            "callbacks",
            "Calls to application servers, by outcome",
            callbacks.clone(),
        );
        let callback_durations = histogram();
        registry.register_with_unit(
            "callback_duration",
            "Time of one call",
            Unit::Seconds,
            callback_durations.clone(),
        );
        let callbacks_under_way = Gauge::default();
        registry.register(
            "callbacks_under_way",
            "Calls that have not ended yet",
            callbacks_under_way.clone(),
        );
        let callbacks_owed = Gauge::default();
        registry.register(
            "callbacks_owed",
            "Calls that have not arrived and are made again",
            callbacks_owed.clone(),
        );
        Self {
            registry,
            requests,
            durations,
            uploaded,
            callbacks,
            callback_durations,
            callbacks_under_way,
            callbacks_owed,
            stored: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn request(
        &self,
        operation: &'static str,
        status: u16,
        took: Duration,
        bytes: Option<u64>,
    ) {
        self.requests
            .get_or_create(&RequestLabels { operation, status })
            .inc();
        self.durations
            .get_or_create(&OperationLabels { operation })
            .observe(took.as_secs_f64());
        if is_upload(operation) && (200..300).contains(&status) {
            self.uploaded.inc_by(bytes.unwrap_or(0));
            self.stored.fetch_add(1, Ordering::Relaxed);
        } else if is_upload(operation) && status >= 400 {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn callback_began(&self) {
        self.callbacks_under_way.inc();
    }

    pub(crate) fn callback_ended(&self, outcome: &'static str, took: Duration) {
        self.callbacks_under_way.dec();
        self.callbacks
            .get_or_create(&CallbackLabels { outcome })
            .inc();
        self.callback_durations.observe(took.as_secs_f64());
    }

    pub(crate) fn callbacks_under_way(&self) -> usize {
        usize::try_from(self.callbacks_under_way.get()).unwrap_or(0)
    }

    pub(crate) fn callbacks_owed(&self, calls: usize) {
        self.callbacks_owed
            .set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    pub(crate) fn totals(&self) -> Totals {
        let callbacks = |outcome| {
            let labels = CallbackLabels { outcome };
            self.callbacks
                .get(&labels)
                .map_or(0, |counter| counter.get())
        };
        Totals {
            stored: self.stored.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            bytes: self.uploaded.get(),
            agreed: callbacks("agreed"),
            failed: callbacks("failed"),
            under_way: self.callbacks_under_way.get(),
        }
    }

    /// The text that Prometheus reads (`OpenMetrics` 1.0).
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Whether an operation of this name sends a file.
pub(super) fn is_upload(operation: &str) -> bool {
    matches!(operation, "PostObject" | "PutObject")
}

fn histogram() -> Histogram {
    Histogram::new([
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        60.0,
    ])
}
