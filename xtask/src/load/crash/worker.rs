//! A worker: one connection that uploads and deletes under keys of its own, and remembers what it
//! was told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::http::{Broken, Connection};
use crate::random::Random;
use crate::upload::{Presigned, Signer};

/// The worker of one number. Nobody else writes under its keys.
#[derive(Debug)]
pub(super) struct Worker {
    number: u64,
    random: Random,
    pub(super) slots: BTreeMap<String, Slot>,
}

/// What is known of one key.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// After the last answer.
    pub(super) answered: State,
    /// What a request without an answer would have made of it.
    pub(super) unanswered: Option<State>,
}

/// What lies under a key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum State {
    #[default]
    Absent,
    Is(Content),
}

/// What distinguishes one file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Content {
    pub(super) length: usize,
    pub(super) md5: [u8; 16],
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len(),
            md5: Md5::digest(bytes).into(),
        }
    }
}

/// What happened under load.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) uploads: u64,
    pub(super) deletes: u64,
    pub(super) unanswered: u64,
    pub(super) cut: u64,
    /// Answers that nobody should get here.
    pub(super) refusals: Vec<String>,
}

impl AddAssign for Course {
    fn add_assign(&mut self, other: Self) {
        self.uploads += other.uploads;
        self.deletes += other.deletes;
        self.unanswered += other.unanswered;
        self.cut += other.cut;
        self.refusals.extend(other.refusals);
    }
}

/// One request, and what it makes of its key.
struct Step {
    key: String,
    request: Vec<u8>,
    makes: State,
}

impl Worker {
    pub(super) fn new(number: u64, random: &mut Random) -> Self {
        Self {
            number,
            random: Random::new(random.next()),
            slots: BTreeMap::new(),
        }
    }

    /// What all keys of this worker, and no others, begin with.
    pub(super) fn prefix(&self) -> String {
        format!("w{}/", self.number)
    }

    /// Sends request after request until the server is gone.
    pub(super) async fn load(
        mut self,
        storage: SocketAddr,
        signer: Arc<Signer>,
        pool: Arc<[u8]>,
    ) -> (Self, Course) {
        let mut course = Course::default();
        let mut connection = None;
        loop {
            let mut open = match connection.take() {
                Some(open) => open,
                None => match Connection::open(storage).await {
                    Ok(open) => open,
                    Err(_) => return (self, course),
                },
            };
            let step = self.next(&signer, &pool);
            let slot = self.slots.entry(step.key).or_default();
            slot.unanswered = Some(step.makes);
            match open.exchange(&step.request).await {
                Ok(answer) if matches!(answer.status, 200 | 204) => {
                    slot.answered = step.makes;
                    slot.unanswered = None;
                    match step.makes {
                        State::Is(_) => course.uploads += 1,
                        State::Absent => course.deletes += 1,
                    }
                    connection = (!answer.is_last).then_some(open);
                }
                Ok(answer) => {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    course
                        .refusals
                        .push(format!("answered {}: {body}", answer.status));
                    return (self, course);
                }
                Err(broken) => {
                    course.unanswered += 1;
                    course.cut += u64::from(broken == Broken::Cut);
                    return (self, course);
                }
            }
        }
    }

    fn next(&mut self, signer: &Signer, pool: &[u8]) -> Step {
        let key = format!("{}k{}", self.prefix(), self.random.below(KEYS));
        let presigned = |method, body| {
            signer.presigned(&Presigned {
                method,
                key: Some(&key),
                query: &[],
                body,
            })
        };
        let kind = self.random.below(10);
        if kind == 0 {
            return Step {
                request: presigned("DELETE", &[]),
                makes: State::Absent,
                key,
            };
        }
        let file = file(&mut self.random, pool);
        let request = if kind == 1 {
            presigned("PUT", &file)
        } else {
            let form = signer.upload(&key, &file);
            form.expect("the fields are ours, and hold no boundary")
        };
        Step {
            request,
            makes: State::Is(Content::of(&file)),
            key,
        }
    }
}

/// A file of any size up to [`FILE_BYTES`], mostly small; no two are alike.
fn file(random: &mut Random, pool: &[u8]) -> Vec<u8> {
    let most = match random.below(20) {
        0..12 => 4 << 10,
        12..19 => 256 << 10,
        _ => FILE_BYTES,
    };
    let length = random.below(most as u64 + 1);
    let length = usize::try_from(length).expect("files are smaller than memory");
    let mut file = pool[..length].to_vec();
    let stamp = random.next().to_le_bytes();
    let stamped = file.len().min(stamp.len());
    file[..stamped].copy_from_slice(&stamp[..stamped]);
    file
}

/// Several of the server's batches, so that a kill finds files that are half there.
pub(super) const FILE_BYTES: usize = 4 << 20;
/// Few enough that each is overwritten and deleted many times.
const KEYS: u64 = 32;
