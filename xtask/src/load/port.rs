//! Ports for programs that have to be told one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, ensure};

use crate::random::Random;

/// An address of loopback that nothing listens at.
///
/// The port lies below those that the kernel gives out by itself: it would give one of those, free a
/// moment ago, to the next outgoing connection.
///
/// # Errors
/// The kernel's range leaves none, or a hundred of those that it leaves are in use.
pub(crate) fn free() -> Result<SocketAddr> {
    // Linux; where the file is missing, the lowest that systems are known to begin with.
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let begin = range.split_ascii_whitespace().next();
    let begin = begin.map_or(Ok(USUAL_BEGIN), str::parse);
    let begin: u16 = begin.context("the kernel's range of ports is no number")?;
    ensure!(
        begin > LOWEST,
        "the kernel gives out ports from {begin}: none is left to choose"
    );
    // Two runs side by side draw different ones.
    let mut random = Random::new(u64::from(std::process::id()));
    for _ in 0..100 {
        let port = LOWEST + u16::try_from(random.below(u64::from(begin - LOWEST)))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no free port from {LOWEST} to {begin}")
}

/// Above what Debian's services and the tests name themselves.
const LOWEST: u16 = 10_240;

const USUAL_BEGIN: u16 = 32_768;
