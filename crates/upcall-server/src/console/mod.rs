//! The console: pages on the admin address for people, and the sessions that let them in.
//!
//! In: a browser's request. Out: a file of the page, a session, or leave to use the routes of the
//! admin interface. Who logs in with the admin secret gets a cookie; with it, requests of the
//! console's own pages count as those of the secret's holder.
//!
//! A browser does what other people's pages tell it, so three things are asked of it that are not
//! asked of a program with the secret: it came by a name that is ours ([`BrowserHosts`]), what
//! changes something comes from our own page, and nothing comes from another site.

mod files;
mod hosts;
mod sessions;

use std::net::SocketAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::admin::AdminSecret;
use crate::clock::Clock;
use crate::http::answer::Answer;
use crate::http::service::text_of;
use hosts::BrowserHosts;
pub use hosts::{ConsoleUrl, InvalidConsoleUrl};
use sessions::Sessions;

/// Everything that the console keeps.
#[derive(Debug)]
pub(crate) struct Console {
    hosts: BrowserHosts,
    cookie: String,
    sessions: Sessions,
    clock: Clock,
}

/// What somebody types who logs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    secret: String,
}

/// Why a browser is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ConsoleError {
    #[error("the name in `Host` is not one of the console's")]
    ForeignHost,
    #[error("the request does not come from the console's own pages")]
    ForeignOrigin,
    #[error("the system has no randomness for a session")]
    NoRandomness,
    #[error("there is no file of this name")]
    NoSuchFile,
    #[error("there is no session, or it has ended")]
    NoSession,
    #[error("the admin secret is wrong")]
    WrongSecret,
}

impl Console {
    /// `port` is that of the admin address: servers on one machine must not log each other out.
    pub(crate) fn new(url: Option<ConsoleUrl>, port: u16, clock: Clock) -> Self {
        let is_tls = url.as_ref().is_some_and(ConsoleUrl::is_tls);
        let prefix = if is_tls { "__Host-" } else { "" };
        Self {
            cookie: format!("{prefix}upcall-console-{port}"),
            hosts: BrowserHosts::new(url),
            sessions: Sessions::default(),
            clock,
        }
    }

    /// A file of the page; `/` leads to it.
    ///
    /// # Errors
    /// The name in `Host` is foreign, or there is no such file.
    pub(crate) fn file(&self, path: &str, headers: &HeaderMap) -> Result<Answer, ConsoleError> {
        self.hosts.check(headers)?;
        if path == "/" {
            return Ok(files::to_console());
        }
        files::answer(path).ok_or(ConsoleError::NoSuchFile)
    }

    /// Whether `headers` are of a console's page, judged before a body is read.
    ///
    /// # Errors
    /// Foreign host, or foreign page.
    pub(crate) fn check_page(&self, headers: &HeaderMap) -> Result<(), ConsoleError> {
        self.hosts.check(headers)?;
        let is_marked = text_of(headers, &X_UPCALL_CONSOLE) == Some("1");
        if is_marked && self.hosts.is_own_origin(headers) {
            Ok(())
        } else {
            Err(ConsoleError::ForeignOrigin)
        }
    }

    /// Lets somebody in who knows the secret; [`check_page`](Self::check_page) comes before.
    ///
    /// # Errors
    /// The secret is wrong.
    pub(crate) fn login(
        &self,
        login: &Login,
        secret: &AdminSecret,
        peer: SocketAddr,
    ) -> Result<Answer, ConsoleError> {
        if !secret.opens(&login.secret) {
            return Err(ConsoleError::WrongSecret);
        }
        let token = self
            .sessions
            .open(self.clock.now())
            .ok_or(ConsoleError::NoRandomness)?;
        tracing::info!(peer = %peer.ip(), "somebody logged in to the console");
        let seconds = sessions::LIFETIME.as_secs();
        Ok(self.with_cookie(&format!("{token}; Max-Age={seconds}")))
    }

    /// Ends the session, if there is one; [`check_page`](Self::check_page) comes before.
    pub(crate) fn logout(&self, headers: &HeaderMap) -> Answer {
        for token in self.tokens(headers) {
            self.sessions.close(token);
        }
        self.with_cookie("; Max-Age=0")
    }

    /// Lets a request through to the admin interface for the sake of its session.
    ///
    /// # Errors
    /// No session, or it is not the console's page that asks.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), ConsoleError> {
        let now = self.clock.now();
        // All that there are, however many a neighbour on the same host has put in front of ours; a
        // request's head bounds them.
        let mut tokens = self.tokens(headers);
        if !tokens.any(|token| self.sessions.is_open(token, now)) {
            return Err(ConsoleError::NoSession);
        }
        self.hosts.check(headers)?;
        // Another server on the same host is the same site to a browser, so that cookies go along.
        let is_foreign = |site: &str| !matches!(site, "same-origin" | "none");
        if text_of(headers, &SEC_FETCH_SITE).is_some_and(is_foreign) {
            return Err(ConsoleError::ForeignOrigin);
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        self.check_page(headers)
    }

    fn with_cookie(&self, value: &str) -> Answer {
        let secure = if self.hosts.is_tls() { "; Secure" } else { "" };
        let cookie = &self.cookie;
        Answer::new(StatusCode::NO_CONTENT).header(
            header::SET_COOKIE,
            &format!("{cookie}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"),
        )
    }

    /// What cookies of ours hold.
    fn tokens<'h>(&'h self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let values = headers.get_all(header::COOKIE).iter();
        let values = values.filter_map(|value: &HeaderValue| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';'));
        pairs.filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        })
    }
}

impl ConsoleError {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoSuchFile => StatusCode::NOT_FOUND,
            Self::NoSession | Self::WrongSecret => StatusCode::UNAUTHORIZED,
        }
    }

    /// The code of the answer's JSON, and what to do.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ForeignHost => (
                "ForeignHost",
                "open the console by an IP address or `localhost`, or name its address with \
                 `--console-url`",
            ),
            Self::ForeignOrigin => (
                "ForeignOrigin",
                "use the console's own pages; behind a proxy, name their address with \
                 `--console-url`",
            ),
            Self::NoRandomness => ("InternalError", "the server's log says more"),
            Self::NoSuchFile => ("NoSuchRoute", "the console is at `/console/`"),
            Self::NoSession => (
                "Unauthorized",
                "send `Authorization: Bearer SECRET`, or log in at `/console/`; the secret lies in \
                 the data directory",
            ),
            Self::WrongSecret => (
                "WrongSecret",
                "it is `UPCALL_ADMIN_SECRET`, or what lies in the data directory as `admin-secret`",
            ),
        }
    }
}

/// A page of another site cannot send it: that needs a preflight, which is not answered.
const X_UPCALL_CONSOLE: HeaderName = HeaderName::from_static("x-upcall-console");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
