"""The binding: proof, in a callback's body, of what the application itself permitted.

A signature says that the storage server sent the callback. Each holder of one of the server's keys
(at OSS: each customer) can have it sign a body about anybody's objects. So the application that
makes a policy puts a MAC over what it permits into `callbackBody`, pins `callback` in the policy,
and takes nothing for its own upload that does not lie within.

It proves *permitted*, not *uploaded*: someone who was permitted, and holds another key of the
server, can have a call signed for an upload that never was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .verify_error import VerifyError


class BindingError(VerifyError):
    """A callback is not one that the application permitted; `code` begins with `binding-`."""


@dataclass(frozen=True)
class Permission:
    """What was permitted: one `key`, or all keys that begin with a `prefix`.

    `user` is who was permitted: take it from here, never from the key's text. `expires` is the last
    Unix second in which a callback may say so (`Binding.expires_after`).
    """

    bucket: str
    expires: int
    prefix: str | None = None
    key: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        texts = [self.bucket, self.key if self.prefix is None else self.prefix]
        texts += [] if self.user is None else [self.user]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a permission has texts for `bucket`, `prefix` or `key`, and `user`")
        if self.prefix is not None and self.key is not None:
            raise ValueError("a permission has either a `prefix` or a `key`")
        # `type`, since `True` is an `int`, too. Beyond this, not every language can count.
        if type(self.expires) is not int or not 0 <= self.expires < 2**53:
            raise ValueError("`expires` is a whole number of Unix seconds")

    def to_json(self) -> str:
        """The text that is signed: members in the order that every language writes."""
        members: dict[str, str | int | None] = {"bucket": self.bucket}
        members.update({"prefix": self.prefix} if self.key is None else {"key": self.key})
        if self.user is not None:
            members["user"] = self.user
        members["expires"] = self.expires
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


class Binding:
    """Makes bindings and verifies them.

    `secrets` is what makers and verifiers know and nobody else: the access key secret, or a secret
    of its own. Of several, the first makes and all verify.

    >>> binding = Binding("sk")
    >>> permission = Permission("photos", binding.expires_after(datetime.now()), prefix="eric/")
    >>> binding.verify(binding.make(permission), bucket="photos", object="eric/cat.jpg").prefix
    'eric/'
    """

    def __init__(self, secrets: str | Sequence[str], *, grace_seconds: int = 90_000) -> None:
        texts = [secrets] if isinstance(secrets, str) else list(secrets)
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise ValueError("a binding needs a secret, such as the access key secret")
        if type(grace_seconds) is not int or grace_seconds < 0:
            raise ValueError("`grace_seconds` is a whole number of seconds")
        self._keys = [_mac(text.encode(), "upcall-binding-v1") for text in texts]
        self._grace_seconds = grace_seconds

    @classmethod
    def from_setting(
        cls, setting: str | None, access_key_secret: str, *, grace_seconds: int = 90_000
    ) -> Binding:
        """With the secrets of a setting such as `BINDING_SECRET`, between commas; the access key
        secret if it is empty.

        A setting is needed where policies are made by another program than receives the callbacks,
        or where the access key rotates. Raises `ValueError` if one has fewer than 16 bytes.
        """
        own = [secret.strip() for secret in (setting or "").split(",") if secret.strip()]
        if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in own):
            raise ValueError(f"a secret for bindings has at least {MIN_SECRET_BYTES} bytes")
        return cls(own or access_key_secret, grace_seconds=grace_seconds)

    def expires_after(self, expiration: datetime) -> int:
        """When a binding ends whose policy ends at `expiration`.

        That is 25 hours later: uploads that began before may still be under way, and callbacks are
        redelivered for a day.
        """
        return math.ceil(expiration.timestamp()) + self._grace_seconds

    def make(self, permission: Permission) -> str:
        """The text for `callbackBody`: `…&binding=TEXT` in a form, `"binding":"TEXT"` in JSON.

        The body must have `bucket=${bucket}` and `object=${object}`, too. Nothing in the text has to
        be escaped.
        """
        signed = "v1." + _base64url(permission.to_json().encode())
        return f"{signed}.{self._macs(signed)[0]}"

    def verify(
        self,
        token: str | None,
        *,
        bucket: str | None,
        object: str | None,
        now: float | None = None,
    ) -> Permission:
        """What was permitted, if it was the upload that the callback's body names.

        `token` is the body's `binding`, `now` the present Unix second. Raises `BindingError` with the
        first part that is wrong.
        """
        if not token:
            raise BindingError("binding-missing", "the body has no binding: no policy of ours")
        match = _TOKEN.fullmatch(token) if len(token) <= MAX_CHARACTERS else None
        if match is None:
            raise BindingError("binding-malformed", "the binding has another form")
        # As texts: of two ways to write a MAC in base64, one is taken.
        macs = self._macs(match[1])
        if not any([hmac.compare_digest(mac, match[3]) for mac in macs]):
            raise BindingError("binding-mac", "the binding was made with another secret, or changed")
        permission = _read_permission(match[2])
        if (time.time() if now is None else now) >= permission.expires + 1:
            raise BindingError("binding-expired", "the binding has expired")
        if bucket != permission.bucket:
            raise BindingError("binding-bucket", "another bucket was permitted")
        if object is None or not _permits(permission, object):
            raise BindingError("binding-object", "another object was permitted")
        return permission

    def _macs(self, signed: str) -> list[str]:
        return [_base64url(_mac(key, signed)) for key in self._keys]


def _permits(permission: Permission, key: str) -> bool:
    if permission.prefix is None:
        return key == permission.key
    return key.startswith(permission.prefix)


def _read_permission(encoded: str) -> Permission:
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        members = json.loads(text)
        if not isinstance(members, dict):
            raise ValueError("no object")
        known = {name: members[name] for name in _MEMBERS if name in members}
        # An explicit null is no text either, and would be taken for none.
        if None in known.values():
            raise ValueError("null")
        return Permission(**known)
    except (RecursionError, TypeError, ValueError):
        raise BindingError("binding-malformed", "the binding holds no permission") from None


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_MEMBERS = ("bucket", "prefix", "key", "user", "expires")
# Version, permission, and a MAC of 32 bytes.
_TOKEN = re.compile(r"(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})")

# `callback` has at most 5 KiB of base64, and the binding is a part of it.
MAX_CHARACTERS = 4096
MIN_SECRET_BYTES = 16
