"""What upcall has recorded of a callback that it made."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..verifier import read_form


@dataclass(frozen=True)
class RecordedCallback:
    """A call to the application: what was sent, and what came back.

    `outcome` is `agreed` or `failed`; `message` is what the uploader was told (`None` if the
    application agreed), `explanation` says why. `status` is the application's, `None` if there was
    no answer. `facts` has everything, as the admin interface tells it.
    """

    id: str
    request_id: str
    key: str
    url: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None
    answer: bytes | None
    outcome: str
    message: str | None
    explanation: str
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> RecordedCallback:
        """Reads the answer of `GET /v1/callbacks/ID`."""
        answer = facts["answer"]
        return cls(
            id=facts["id"],
            request_id=facts["requestId"],
            key=facts["key"],
            url=facts["url"],
            target=facts["target"],
            headers=tuple((name, value) for name, value in facts["requestHeaders"]),
            body=_bytes(facts, "body"),
            status=None if answer is None else answer["status"],
            answer=None if answer is None else _bytes(answer, "body"),
            outcome=facts["outcome"],
            message=facts["message"],
            explanation=facts["explanation"],
            facts=facts,
        )

    def form(self) -> dict[str, str]:
        """The fields of the body, if it is a form."""
        return read_form(self.body)


def _bytes(facts: Mapping[str, Any], name: str) -> bytes:
    """What is no UTF-8 comes as base64, under another name."""
    if facts.get(name) is None:
        return base64.b64decode(facts.get(name + "Base64") or "")
    return str(facts[name]).encode()
