//! `latency`: what a callback adds to an upload when nobody else is there, next to what it must add:
//! one signature, and one round trip to the application.

use std::time::{Duration, Instant};

use anyhow::Result;
use upcall_crypto::RsaPrivateKey;

use super::{Bench, FILE_BYTES, call};
use crate::bench::client::Body;
use crate::bench::client::Client;
use crate::bench::contender::{Contender::Upcall, Setup};
use crate::bench::report::{Goal, Report};
use crate::bench::table::{Row, median};
use crate::bench::work;
use crate::random::Random;
use crate::storage::BUCKET;

/// Medians of each round, in microseconds.
#[derive(Debug, Default)]
struct Medians {
    plain: Vec<f64>,
    with_callback: Vec<f64>,
    signature: Vec<f64>,
    round_trip: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench) -> Result<Report> {
    let mut medians = Medians::default();
    for _ in 0..bench.rounds {
        round(bench, &mut medians).await?;
    }
    let mut added = Row::new("added by the callback");
    let mut least = Row::new("a signature, a round trip");
    let pairs = medians.with_callback.iter().zip(&medians.plain);
    added.figures = pairs.map(|(with, without)| with - without).collect();
    let pairs = medians.signature.iter().zip(&medians.round_trip);
    least.figures = pairs.map(|(sign, there)| sign + there).collect();
    let title = "4 KiB forms, one client, one after the other, RSA of 2048 bits";
    let mut report = Report::new(title.to_owned(), "µs");
    report.row(added, None);
    report.row(least, Some(Goal::AtMost(1.5)));
    report.fact("an upload without callback", "µs", medians.plain, None);
    report.fact("an upload with callback", "µs", medians.with_callback, None);
    report.fact("a signature", "µs", medians.signature, None);
    report.fact("a round trip", "µs", medians.round_trip, None);
    Ok(report)
}

/// One of each in turn, so that what else the machine does falls on all of them.
async fn round(bench: &Bench, medians: &mut Medians) -> Result<()> {
    let application = bench.application.address;
    let setup = Setup {
        application: Some(application),
        ..Setup::default()
    };
    let started = bench.stand.start_with(Upcall, &setup).await?;
    work::warm_up(&started).await?;
    let mut plain = started.upload_to(BUCKET, None, FILE_BYTES)?;
    let mut with_callback = started.upload(FILE_BYTES)?;
    let key = RsaPrivateKey::generate(2048)?;
    let (piece, call) = (Random::new(5).bytes(FILE_BYTES), call());
    let mut client = Client::open(started.address()).await?;
    let mut caller = Client::open(application).await?;
    let mut times: [Vec<f64>; 4] = Default::default();
    let began = Instant::now();
    while began.elapsed() < bench.time {
        let number = 2 * times[0].len() as u64;
        plain.set_number(number);
        with_callback.set_number(number + 1);
        let begins = Instant::now();
        client.upload(&plain, &piece).await?;
        let is_plain = Instant::now();
        client.upload(&with_callback, &piece).await?;
        let is_told = Instant::now();
        std::hint::black_box(key.sign_md5(&call)?);
        let is_signed = Instant::now();
        caller.get(&call, Body::Follows).await?;
        let moments = [begins, is_plain, is_told, is_signed, Instant::now()];
        for (times, moments) in times.iter_mut().zip(moments.windows(2)) {
            times.push(microseconds(moments[1] - moments[0]));
        }
    }
    let [plain, with_callback, signature, round_trip] = times.map(|times| median(&times));
    medians.plain.push(plain);
    medians.with_callback.push(with_callback);
    medians.signature.push(signature);
    medians.round_trip.push(round_trip);
    Ok(())
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
