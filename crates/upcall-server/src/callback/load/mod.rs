//! What keeps calls from taking more than their share: places, connections at rest, and the threads
//! that sign.

mod places;
mod pool;
mod shares;
mod signing;
mod unproven;

pub(crate) use places::{Crowded, PlaceLimits};
pub(in crate::callback) use places::{Place, Places};
pub(in crate::callback) use pool::{Pool, Sharing};
pub(in crate::callback) use signing::SigningDesk;
pub(in crate::callback) use unproven::{Unproven, UnprovenLimits};
