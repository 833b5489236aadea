//! A worker: one connection that uploads, by form and by PUT, and deletes under keys of its own, and
//! remembers what it was told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::http::{Broken, Connection};
use crate::random::Random;
use crate::upload::{Overwrite, Presigned, Signer};

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
    /// Creations that were told that there is an object already, as there was.
    pub(super) taken: u64,
    pub(super) unanswered: u64,
    pub(super) cut: u64,
    /// Answers that nobody should get here.
    pub(super) refusals: Vec<String>,
}

impl AddAssign for Course {
    fn add_assign(&mut self, other: Self) {
        self.uploads += other.uploads;
        self.deletes += other.deletes;
        self.taken += other.taken;
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
    overwrite: Overwrite,
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
            let is_taken = step.overwrite == Overwrite::Forbid && slot.answered != State::Absent;
            match open.exchange(&step.request).await {
                Ok(answer) if answer.status == 409 && is_taken => {
                    slot.unanswered = None;
                    course.taken += 1;
                    connection = (!answer.is_last).then_some(open);
                }
                Ok(answer) if matches!(answer.status, 200 | 204) && !is_taken => {
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
                    let (status, what) = (answer.status, step.overwrite);
                    let refusal = format!("{what:?}, answered {status}: {body}");
                    course.refusals.push(refusal);
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
        let presigned = |method, body, overwrite| {
            let request = Presigned {
                method,
                key: Some(&key),
                query: &[],
                body,
            };
            signer.presigned_with(&request, overwrite)
        };
        let kind = self.random.below(10);
        if kind < 2 {
            return Step {
                request: presigned("DELETE", &[], Overwrite::Allow),
                makes: State::Absent,
                overwrite: Overwrite::Allow,
                key,
            };
        }
        let overwrite = match self.random.below(5) {
            0 => Overwrite::Forbid,
            _ => Overwrite::Allow,
        };
        let file = file(&mut self.random, pool);
        let request = if kind < 6 {
            presigned("PUT", &file, overwrite)
        } else {
            let form = signer.upload_with(&key, &file, overwrite);
            form.expect("the fields are ours, and hold no boundary")
        };
        Step {
            request,
            makes: State::Is(Content::of(&file)),
            overwrite,
            key,
        }
    }
}

/// A file that no other is like: mostly small, some with a few steps of the log to themselves, and one
/// in twenty so large that it is a file in the store, too.
fn file(random: &mut Random, pool: &[u8]) -> Vec<u8> {
    let (least, most) = match random.below(20) {
        0..12 => (0, 4 << 10),
        12..19 => (4 << 10, 128 << 10),
        _ => (LARGE_BYTES, FILE_BYTES as u64),
    };
    let length = least + random.below(most - least + 1);
    let length = usize::try_from(length).expect("files are smaller than memory");
    let mut file = pool[..length].to_vec();
    let stamp = random.next().to_le_bytes();
    let stamped = file.len().min(stamp.len());
    file[..stamped].copy_from_slice(&stamp[..stamped]);
    file
}

/// Several of the server's batches, so that a kill finds files that are half there.
pub(super) const FILE_BYTES: usize = 4 << 20;
/// The server keeps what is so large in a file of its own.
pub(super) const LARGE_BYTES: u64 = 3 << 19;
/// Few enough that each is overwritten and deleted many times.
const KEYS: u64 = 16;
