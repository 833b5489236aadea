"""Fetches public keys, once each, and again when a signature does not fit.

In: an address that `PublicKeyUrls` admitted. Out: the key behind it, or `KeyUnavailable`. A key is
kept for as long as the program runs; an address is asked again when a signature does not fit its
key, once a minute at most; a failure is kept for a few seconds. So a flood of requests is not a
flood of fetches. Requests that come
meanwhile share the fetch that is under way, from whichever thread or event loop they come.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import socket
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Callable, Union
from urllib.parse import urlsplit

from .key_url import PublicKeyUrl
from .public_key import MAX_PEM_BYTES, InvalidPublicKey, PublicKey


class KeyUnavailable(Exception):
    """A key could not be had from its address."""


Fetch = Callable[[str], bytes]
"""Gives what an address answers, or raises `KeyUnavailable`. It may block: it has a thread."""


def fetch_key(url: str) -> bytes:
    """The body that `url` answers, in two seconds at most. Follows no redirects, uses no proxy."""
    connection, expired = None, threading.Event()
    try:
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
        with _deadline(connection, expired):
            connection.request("GET", parts.path, headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            body = answer.read(MAX_PEM_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise KeyUnavailable(
            f"the key cannot be fetched: {error or type(error).__name__}"
        ) from error
    finally:
        if connection is not None:
            connection.close()
    if expired.is_set():
        raise KeyUnavailable(f"the key did not come within {FETCH_SECONDS} s")
    if answer.status != 200:
        raise KeyUnavailable(f"the key's address answered {answer.status}")
    if len(body) > MAX_PEM_BYTES:
        raise KeyUnavailable(f"the key's address answered more than {MAX_PEM_BYTES} bytes")
    return body


class _deadline:
    """Cuts a connection off when its time is over.

    A socket's own timeout begins anew with every byte, so a slow sender could go on for ever.
    """

    def __init__(self, connection: http.client.HTTPConnection, expired: threading.Event) -> None:
        self._connection, self._expired = connection, expired
        self._timer = threading.Timer(FETCH_SECONDS, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self._expired.set()
        try:
            # Of the plain socket: a TLS one would first drop its state under the reader's hands.
            socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)
        except (AttributeError, OSError, TypeError):
            pass  # not connected yet, or not any more


Outcome = Union[PublicKey, KeyUnavailable]


@dataclass
class _Entry:
    begun: float
    outcome: concurrent.futures.Future[Outcome] = field(default_factory=concurrent.futures.Future)
    failed_at: float | None = None
    renewal: _Entry | None = None

    def is_stale(self, now: float) -> bool:
        if self.outcome.done():
            return self.failed_at is not None and now - self.failed_at > FAILURE_SECONDS
        return not self.is_running(now)

    def is_running(self, now: float) -> bool:
        # A thread does not live through a fork: what has run for so long runs no more.
        return not self.outcome.done() and now - self.begun < STUCK_SECONDS


class KeySource:
    """Keys by their addresses; safe to share between threads and event loops.

    `fetch` stands in for the network: in tests, or where keys are only reachable through a proxy.
    """

    def __init__(
        self, fetch: Fetch = fetch_key, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def get(self, url: PublicKeyUrl) -> PublicKey:
        """The key. Blocks for two seconds at most; raises `KeyUnavailable`."""
        try:
            return _key(self._entry(url.text).outcome.result(FETCH_SECONDS))
        except concurrent.futures.TimeoutError:
            raise KeyUnavailable(_LATE) from None

    async def get_async(self, url: PublicKeyUrl) -> PublicKey:
        """As `get`, without blocking the event loop (asyncio's)."""
        outcome = asyncio.wrap_future(self._entry(url.text).outcome)
        try:
            # Shielded: others wait for the same fetch, and this request may be cancelled.
            return _key(await asyncio.wait_for(asyncio.shield(outcome), FETCH_SECONDS))
        except asyncio.TimeoutError:
            raise KeyUnavailable(_LATE) from None

    def renewed(self, url: PublicKeyUrl, stale: PublicKey) -> PublicKey | None:
        """The key that lies there now, if it is another than `stale`.

        Asked for once a minute at most. Without an answer the old one stays: forgeries lead here,
        too, and must not cost a good key. Blocks for two seconds at most.
        """
        outcome = self._renewal(url.text, stale)
        if outcome is None:
            return None
        try:
            return _other(outcome.result(FETCH_SECONDS), stale)
        except concurrent.futures.TimeoutError:
            return None

    async def renewed_async(self, url: PublicKeyUrl, stale: PublicKey) -> PublicKey | None:
        """As `renewed`, without blocking the event loop (asyncio's)."""
        outcome = self._renewal(url.text, stale)
        if outcome is None:
            return None
        try:
            waiting = asyncio.shield(asyncio.wrap_future(outcome))
            return _other(await asyncio.wait_for(waiting, FETCH_SECONDS), stale)
        except asyncio.TimeoutError:
            return None

    def _renewal(
        self, url: str, stale: PublicKey
    ) -> concurrent.futures.Future[Outcome] | None:
        """The fetch of this minute, begun if need be; None if none is due."""
        now = self._clock()
        with self._lock:
            entry = self._entries.get(url)
            if entry is None:
                return None
            if entry.outcome.done() and entry.outcome.result() != stale:
                return entry.outcome  # another request has learnt it meanwhile
            if now - (entry.renewal or entry).begun < RENEW_SECONDS:
                return None if entry.renewal is None else entry.renewal.outcome
            if self._is_full(url, now):
                return None
            fresh = entry.renewal = _Entry(now)
        threading.Thread(target=self._renew, args=(url, entry, fresh), daemon=True).start()
        return fresh.outcome

    def _renew(self, url: str, entry: _Entry, fresh: _Entry) -> None:
        self._run(url, fresh)
        if fresh.failed_at is None:
            with self._lock:
                if self._entries.get(url) is entry:
                    self._entries[url] = fresh

    def _is_full(self, url: str, now: float) -> bool:
        # By host: guesses below one that does not answer must not keep the key of another from
        # coming. The list fixes the hosts, so there are few.
        same = [entry for other, entry in self._entries.items() if _host(other) == _host(url)]
        entries = [*same, *(entry.renewal for entry in same if entry.renewal is not None)]
        return sum(entry.is_running(now) for entry in entries) >= MAX_FETCHES

    def _entry(self, url: str) -> _Entry:
        now = self._clock()
        with self._lock:
            entry = self._entries.get(url)
            if entry is not None and not entry.is_stale(now):
                self._entries.move_to_end(url)
                return entry
            if self._is_full(url, now):
                raise KeyUnavailable(f"{MAX_FETCHES} keys are being fetched already")
            entry = self._entries[url] = _Entry(now)
            self._entries.move_to_end(url)
            if len(self._entries) > MAX_KEYS:
                self._make_room(entry)
        threading.Thread(target=self._run, args=(url, entry), daemon=True).start()
        return entry

    def _make_room(self, newest: _Entry) -> None:
        """Failures go first: an address that never had a key must not push out one that has."""

        def worth(url: str) -> int:
            entry = self._entries[url]
            if entry is newest or not entry.outcome.done():
                return 2
            return 1 if entry.failed_at is None else 0

        # Of equals the first: the one that was not asked for the longest.
        del self._entries[min(self._entries, key=worth)]

    def _run(self, url: str, entry: _Entry) -> None:
        outcome: Outcome
        try:
            outcome = PublicKey.from_pem(self._fetch(url))
        except (KeyUnavailable, InvalidPublicKey) as error:
            outcome = KeyUnavailable(str(error))
        except Exception as error:  # whatever a caller's own `fetch` raises: somebody waits for it
            outcome = KeyUnavailable(f"the key cannot be fetched: {type(error).__name__}")
        if isinstance(outcome, KeyUnavailable):
            entry.failed_at = self._clock()
        entry.outcome.set_result(outcome)


def _host(url: str) -> str:
    return url.split("/", 3)[2]


def _other(outcome: Outcome, stale: PublicKey) -> PublicKey | None:
    return None if isinstance(outcome, KeyUnavailable) or outcome == stale else outcome


def _key(outcome: Outcome) -> PublicKey:
    if isinstance(outcome, KeyUnavailable):
        # A new one for each waiter: a shared one would gather every waiter's traceback.
        raise KeyUnavailable(str(outcome))
    return outcome


# The storage server waits five for the whole callback.
FETCH_SECONDS = 2.0
FAILURE_SECONDS = 3.0
STUCK_SECONDS = 10.0
# A key that did not fit a signature may have been replaced.
RENEW_SECONDS = 60.0
# At once from one host; whoever sends callbacks chooses how many of the allowed addresses are asked for.
MAX_FETCHES = 4
MAX_KEYS = 64
_LATE = f"the key did not come within {FETCH_SECONDS} s"
