//! `small`, `medium`, `large`, `single`: forms of one size, for some seconds.

use anyhow::Result;

use super::Bench;
use crate::bench::contender::Contender::{self, Express, Floor, Nginx, Upcall};
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work::{self, Until};

/// A size, a number of clients, and what is wanted.
#[derive(Debug)]
pub(super) struct Forms {
    pub(super) name: &'static str,
    file_kib: usize,
    connections: usize,
    goals: &'static [(Contender, Option<Goal>)],
}

pub(super) const FORMS: [Forms; 4] = [
    Forms {
        name: "small",
        file_kib: 4,
        connections: 64,
        goals: &[
            (Nginx, Some(Goal::AtLeast(1.0))),
            (Express, Some(Goal::AtLeast(12.0))),
            (Floor, Some(Goal::AtLeast(0.4))),
        ],
    },
    Forms {
        name: "medium",
        file_kib: 64,
        connections: 64,
        goals: &[
            (Nginx, Some(Goal::AtLeast(0.7))),
            (Express, Some(Goal::AtLeast(5.0))),
            (Floor, None),
        ],
    },
    Forms {
        name: "large",
        file_kib: 1024,
        connections: 64,
        goals: &[
            (Nginx, Some(Goal::AtLeast(0.8))),
            (Express, Some(Goal::AtLeast(2.0))),
            (Floor, None),
        ],
    },
    Forms {
        name: "single",
        file_kib: 1024,
        connections: 1,
        goals: &[
            (Nginx, Some(Goal::AtLeast(0.6))),
            (Express, Some(Goal::AtLeast(1.2))),
            (Floor, None),
        ],
    },
];

pub(super) async fn measure(bench: &Bench, forms: &Forms) -> Result<Report> {
    let contenders: Vec<_> = std::iter::once((Upcall, None))
        .chain(forms.goals.iter().copied())
        .collect();
    let mut rows: Vec<_> = contenders
        .iter()
        .map(|(contender, _)| Row::new(contender.name()))
        .collect();
    let file_bytes = forms.file_kib << 10;
    let until = Until {
        time: bench.time,
        requests: (MOST_BYTES / file_bytes) as u64,
    };
    for _ in 0..bench.rounds {
        for ((contender, _), row) in contenders.iter().zip(&mut rows) {
            let started = bench.stand.start(*contender).await?;
            work::warm_up(&started).await?;
            let upload = started.upload(file_bytes)?;
            let done = work::upload(&started, &upload, forms.connections, 0, until).await?;
            done.add_to(row, 1.0);
        }
    }
    let clients = match forms.connections {
        1 => "one client".to_owned(),
        connections => format!("{connections} connections"),
    };
    let size = match forms.file_kib {
        kib @ ..1024 => format!("{kib} KiB"),
        kib => format!("{} MiB", kib >> 10),
    };
    let title = format!("{size} forms, {clients}");
    let mut report = Report::new(title, "req/s");
    for (row, (_, goal)) in rows.into_iter().zip(contenders) {
        report.row(row, goal);
    }
    Ok(report)
}

/// Of one contender in one round, so that no disk is filled.
const MOST_BYTES: usize = 6 << 30;
