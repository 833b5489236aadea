"""A bucket that belongs to one test.

All that a test sees and spoils is in its bucket, so tests can share a server and run in parallel.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ..callback_parameter import CallbackParameter
from ..key_url import PublicKeyUrls
from ..policy import PolicyBuilder
from ..signed_policy import SignedPolicy
from .record import RecordedCallback
from .server import UpcallServer
from .upload import UploadAnswer, post_form


class CallbackMissing(AssertionError):
    """No callback came in time; the text says which ones did."""


@dataclass
class UpcallBucket:
    """A bucket of a running upcall, and what can be done with it."""

    server: UpcallServer
    name: str
    callback_url: str | None = None
    """Where uploads call, unless they say it themselves."""
    _after: dict[str | None, str] = field(default_factory=dict, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)

    @property
    def url(self) -> str:
        """The bucket's address: where forms are posted."""
        return f"{self.server.storage_url}/{self.name}/"

    @property
    def key_urls(self) -> PublicKeyUrls:
        """Where the key of its callbacks is, for a verifier that is made in the test."""
        return PublicKeyUrls.parse(self.server.callback_key_urls)

    def env(self, callback_url: str | None = None) -> dict[str, str]:
        """The settings of an application server that signs for this bucket and is called by it."""
        settings = {
            "OSS_ACCESS_KEY_ID": self.server.access_key_id,
            "OSS_ACCESS_KEY_SECRET": self.server.access_key_secret,
            "OSS_HOST": self.url,
            "OSS_BUCKET": self.name,
            "CALLBACK_KEY_URLS": self.server.callback_key_urls,
        }
        url = callback_url or self.callback_url
        return settings if url is None else {**settings, "CALLBACK_URL": url}

    def upload(
        self,
        key: str,
        data: bytes,
        *,
        callback: CallbackParameter | str | None = None,
        fields: Mapping[str, str] | None = None,
        file_name: str | None = None,
        content_type: str = "application/octet-stream",
        timeout: float = 30.0,
    ) -> UploadAnswer:
        """Uploads as a page does: with a policy that is signed for this key.

        `callback` is a parameter, or an address that is told all there is to tell; without it the
        upload calls `callback_url`, and nobody if that is not set. `fields` are more fields of the
        form, such as `x:user` for a callback's variable.
        """
        given = callback if callback is not None else self.callback_url
        parameter = CallbackParameter(given, DEFAULT_BODY) if isinstance(given, str) else given
        policy = PolicyBuilder(datetime.now(timezone.utc) + timedelta(minutes=5))
        policy = policy.bucket(self.name).equals("key", key)
        encoded = None if parameter is None else parameter.encode()
        if encoded is not None:
            policy = policy.equals("callback", encoded)
        server = self.server
        signed = SignedPolicy.v1(server.access_key_id, server.access_key_secret, policy.build())
        signed = signed.field("key", key)
        for name, value in (fields or {}).items():
            signed = signed.field(name, value)
        if encoded is not None:
            signed = signed.callback(encoded)
        name = file_name if file_name is not None else key.rpartition("/")[2]
        return post_form(
            self.url,
            signed.fields(),
            data,
            file_name=name,
            content_type=content_type,
            timeout=timeout,
        )

    def wait_for_callback(self, key: str | None = None, timeout: float = 5.0) -> RecordedCallback:
        """The next call that has ended, of any key or of this one; each is given once.

        Raises `CallbackMissing` if there is none within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        while True:
            call = self._next(key, until - time.monotonic())
            if call is None:
                if time.monotonic() >= until:
                    raise CallbackMissing(self._missing(key, timeout))
                continue
            self._after[key] = call["id"]
            if call["id"] not in self._seen:
                self._seen.add(call["id"])
                return self._whole(call["id"])

    def callbacks(
        self,
        key: str | None = None,
        *,
        status: int | None = None,
        outcome: str | None = None,
        request_id: str | None = None,
    ) -> list[RecordedCallback]:
        """The calls that were made for this bucket, the newest last; 1,000 at most."""
        listed = self.server.admin.ask(
            "GET",
            "/v1/callbacks",
            {
                "bucket": self.name,
                "key": key,
                "status": status,
                "outcome": outcome,
                "requestId": request_id,
                "limit": 1000,
            },
        )
        return [self._whole(call["id"]) for call in listed["calls"]]

    def content(self, key: str) -> bytes | None:
        """The bytes of an object, `None` if there is none."""
        path = f"/v1/buckets/{self.name}/object/content"
        status, body = self.server.admin.raw("GET", path, {"key": key})
        if status not in (200, 404):
            raise AssertionError(f"GET {path} was answered {status}")
        return body if status == 200 else None

    def fault(
        self,
        kind: str,
        count: int = 1,
        on: str = "call",
        *,
        key: str | None = None,
        delay: float | None = None,
    ) -> str:
        """Has the next `count` calls or uploads (of `key`) go wrong; gives the fault's id.

        On a `call`: `refuse`, `slow` (by `delay` seconds), `reset`, `500`, `bad-json`,
        `wrong-signature`, `twice`. On an `upload`: `refuse`, `slow`, `reset`, `500`, `disk-full`.
        """
        order: dict[str, str | int] = {"bucket": self.name, "on": on, "kind": kind, "count": count}
        if key is not None:
            order["key"] = key
        if delay is not None:
            order["delayMs"] = round(delay * 1000)
        self._needs_double()
        return str(self.server.admin.ask("POST", "/v1/faults", body=order)["id"])

    def clear_faults(self) -> None:
        """Takes back the faults that have not happened yet."""
        self._needs_double()
        self.server.admin.ask("DELETE", "/v1/faults", {"bucket": self.name})

    def allow_origins(self, *origins: str) -> None:
        """Lets pages of these origins upload (CORS)."""
        rule = {
            "allowedOrigins": list(origins),
            "allowedMethods": ["GET", "HEAD", "POST", "PUT"],
            "allowedHeaders": ["*"],
            "exposeHeaders": ["x-oss-request-id"],
        }
        self.set_cors([rule])

    def set_cors(self, rules: Sequence[Mapping[str, object]]) -> None:
        """The bucket's CORS rules, as the admin interface takes them."""
        path = f"/v1/buckets/{self.name}/cors"
        self.server.admin.ask("PUT", path, body={"rules": [dict(rule) for rule in rules]})

    def wipe(self) -> None:
        """Objects, recorded calls, owed calls and faults of this bucket are gone."""
        self._needs_double()
        self.server.admin.ask("DELETE", f"/v1/buckets/{self.name}/contents")

    def create(self) -> None:
        """Makes the bucket; the fixture has done so."""
        self.server.admin.ask("PUT", f"/v1/buckets/{self.name}", body={"acl": "private"})

    def remove(self) -> None:
        """Wipes and removes the bucket, as the fixture does when the test has ended."""
        if self.server.is_double:
            self.wipe()
            self.server.admin.ask("DELETE", f"/v1/buckets/{self.name}")

    def _next(self, key: str | None, seconds: float) -> Mapping[str, str] | None:
        wait = min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
        query = {
            "bucket": self.name,
            "key": key,
            # The bucket is younger than any call in it, so the first wait begins before them all.
            "after": self._after.get(key, "0" * 16),
            "timeout": f"{round(wait * 1000)}ms",
        }
        found: Mapping[str, str] | None = self.server.admin.ask(
            "GET", "/v1/callbacks/next", query, wait=wait
        )
        return found

    def _whole(self, id: str) -> RecordedCallback:
        return RecordedCallback.of(self.server.admin.ask("GET", f"/v1/callbacks/{id}"))

    def _missing(self, key: str | None, timeout: float) -> str:
        of = "no callback" if key is None else f"no callback for {key!r}"
        calls = [f"{call.key!r} ({call.outcome}: {call.explanation})" for call in self.callbacks()]
        came = "; ".join(calls) if calls else "none"
        return f"{of} within {timeout} s. Calls of this bucket so far: {came}"

    def _needs_double(self) -> None:
        if not self.server.is_double:
            raise RuntimeError(
                "this upcall can neither be wiped nor have faults injected: use `upcall dev`, not"
                " `upcall serve`, and one that is new enough to have `GET /v1/faults`"
            )


DEFAULT_BODY = (
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}"
    "&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}"
)
# What the admin interface takes.
LONGEST_WAIT_SECONDS = 60.0
