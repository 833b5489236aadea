"""Why a request is no callback of ours."""

from __future__ import annotations

PARTS = {
    "method": "request",
    "target": "request",
    "header-missing": "header",
    "header-twice": "header",
    "header-not-base64": "header",
    "signature-version": "header",
    "key-url": "key-url",
    "key-too-small": "key-url",
    "key-unavailable": "key-url",
    "digest": "digest",
    "signature": "signature",
    "body": "body",
    "binding-missing": "binding",
    "binding-malformed": "binding",
    "binding-mac": "binding",
    "binding-expired": "binding",
    "binding-bucket": "binding",
    "binding-object": "binding",
}
"""What can be wrong, by its code, and the part of the request that it belongs to."""


class VerifyError(Exception):
    """Why a request is no callback of ours: `code`, `part`, a sentence for the log, and the `status`
    to answer with.

    Nothing that the sender wrote is in it.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.part = PARTS[code]
        # After a 4xx, upcall does not call again, and drops what a gated bucket holds: no answer to
        # a passing trouble.
        self.status = 503 if code == "key-unavailable" else 403 if self.part == "binding" else 400


class InvalidBody(VerifyError, ValueError):
    """The callback's body is not of the form that it is read as, or two readers could read it in two
    ways."""

    def __init__(self, sentence: str) -> None:
        super().__init__("body", sentence)
