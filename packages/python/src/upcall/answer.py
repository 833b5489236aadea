"""What a receiver answers, in the form that the storage server takes.

Status 200 (another 2xx counts as a failure), a `Content-Length`, JSON without a byte order mark, at
most 1 MiB. Source: OSS, "Callback" (step 5).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from .verify_error import VerifyError

# A callback's body is a template and what the variables put in; upcall makes none that is longer.
MAX_BODY_BYTES = 1024 * 1024

LOG = logging.getLogger("upcall")


class BodyTooLarge(Exception):
    """The request's body is longer than the receiver takes; `status` is what to answer with."""

    status = 413

    def __init__(self) -> None:
        super().__init__("the body is longer than a callback's can be")


@dataclass(frozen=True)
class Answer:
    """A status and JSON."""

    status: int
    body: bytes

    @classmethod
    def of(cls, status: int, value: object) -> Answer:
        """The value as JSON."""
        return cls(status, json.dumps(value, ensure_ascii=False).encode())

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Content-Type", "application/json"), ("Content-Length", str(len(self.body)))]


def refused(error: Exception) -> Answer:
    """The answer to a request that was not taken, and a line in the log `upcall`.

    The line has neither body nor signature, and the answer does not tell a stranger what was wrong.
    """
    if isinstance(error, BodyTooLarge):
        LOG.warning("callback refused: %s", error)
        return Answer.of(error.status, {"Status": "body too large"})
    assert isinstance(error, VerifyError)
    LOG.warning("callback refused: %s: %s", error.code, error)
    if error.code == "method":
        return Answer.of(405, {"Status": "method not allowed"})
    words = {"binding": "not permitted", "body": "body not understood"}
    return Answer.of(error.status, {"Status": words.get(error.part, "verify not ok")})
