"""Writes policies: what a page may upload, and until when.

In: an expiration and conditions. Out: a `PolicyDocument`, whose base64 text is what gets signed.

Source: OSS, "PostObject", "Appendix: Post Policy".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Union

Condition = tuple[Union[str, int, tuple[str, ...]], ...]
"""One rule, as it stands in the document, but for the escape of `$` in values."""


@dataclass(frozen=True)
class PolicyDocument:
    """A policy document. `PolicyBuilder` makes it."""

    expiration: datetime
    conditions: tuple[Condition, ...]

    def to_json(self) -> str:
        """The JSON text, without spaces."""
        document = {
            "expiration": _timestamp(self.expiration),
            "conditions": [_written(condition) for condition in self.conditions],
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    def encode(self) -> str:
        """The base64 text, which is the form's field `policy` and what gets signed."""
        return base64.b64encode(self.to_json().encode()).decode()


@dataclass(frozen=True)
class PolicyBuilder:
    """Builds a policy, condition by condition. Each method gives a new builder.

    A field without a condition may have any value and may be left out: bind whatever matters,
    above all `key`, the length and `callback`.

    >>> from datetime import datetime, timezone
    >>> policy = (
    ...     PolicyBuilder(datetime(2026, 12, 1, 12, tzinfo=timezone.utc))
    ...     .bucket("photos")
    ...     .starts_with("key", "user/eric/")
    ...     .is_in("content-type", ["image/jpeg", "image/png"])
    ...     .content_length_range(1, 10 * 1024 * 1024)
    ...     .build()
    ... )
    >>> len(policy.conditions)
    4
    """

    expiration: datetime
    conditions: tuple[Condition, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.expiration.tzinfo is None:
            raise ValueError("the expiration needs a time zone: datetime.now(timezone.utc) + …")

    def bucket(self, name: str) -> PolicyBuilder:
        """The form must be sent to this bucket."""
        return self.equals("bucket", name)

    def equals(self, field: str, value: str) -> PolicyBuilder:
        """The field must have this value.

        In `key`, `${filename}` stands for itself: it is compared before the file's name takes its
        place.
        """
        return self._and(("eq", "$" + field, value))

    def starts_with(self, field: str, prefix: str) -> PolicyBuilder:
        """The field must begin so."""
        return self._and(("starts-with", "$" + field, prefix))

    def is_in(self, field: str, values: Iterable[str]) -> PolicyBuilder:
        """The field must have one of these values."""
        return self._and(("in", "$" + field, _texts(values)))

    def not_in(self, field: str, values: Iterable[str]) -> PolicyBuilder:
        """The field must have none of these values."""
        return self._and(("not-in", "$" + field, _texts(values)))

    def content_length_range(self, min: int, max: int) -> PolicyBuilder:
        """The file must have so many bytes, both bounds included."""
        if not (isinstance(min, int) and isinstance(max, int)):
            raise TypeError("a number of bytes is a whole one")
        if not 0 <= min <= max:
            raise ValueError(f"no file has {min} to {max} bytes: every server refuses this range")
        return self._and(("content-length-range", min, max))

    def build(self) -> PolicyDocument:
        """The policy.

        The protocol refuses one without conditions, so that one says in its words what it means: a
        file of any length.
        """
        if not self.conditions:
            return self.content_length_range(0, 2**63 - 1).build()
        return PolicyDocument(self.expiration, self.conditions)

    def _and(self, condition: Condition) -> PolicyBuilder:
        operator, *operands = condition
        if operator != "content-length-range":
            _check_texts(operands)
        return replace(self, conditions=(*self.conditions, condition))


def _check_texts(operands: Iterable[object]) -> None:
    """`None` of a setting that is not there would be written as JSON's `null`."""
    for operand in operands:
        if isinstance(operand, tuple):
            _check_texts(operand)
        elif not isinstance(operand, str):
            raise TypeError(f"a condition compares texts, and this is no text: {operand!r}")


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        # A text is a sequence of texts, too: its letters.
        raise TypeError("give a list of values, not one text")
    return tuple(values)


def _written(condition: Condition) -> list[object]:
    """The condition with `$` escaped in its values: there it would begin a variable."""
    operator, *operands = condition
    if operator == "content-length-range":
        return [operator, *operands]
    name, value = operands
    return [operator, name, _escaped(value)]


def _escaped(value: str | int | tuple[str, ...]) -> object:
    if isinstance(value, tuple):
        return [_escaped(one) for one in value]
    return value.replace("$", "\\$") if isinstance(value, str) else value


def _timestamp(time: datetime) -> str:
    """`2026-12-01T12:00:00.000Z`, cut to the millisecond."""
    utc = time.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
