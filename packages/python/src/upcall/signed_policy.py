"""A signed policy: what an application server hands to a page, and the page sends with the file.

Source: OSS, "Obtain signature information from the server and upload data to OSS", in its two
generations (V1, and V4 since 2024); "PostObject" for the signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from .policy import PolicyDocument, PolicyBuilder


@dataclass(frozen=True)
class SignedPolicy:
    """A policy, its signature and what a page needs beside them.

    Whoever holds it may upload what the policy allows until it expires, so its text form shows
    neither policy nor signature. `SignedPolicy.v1` and `SignedPolicy.v4` make it; each further
    method gives a new one.

    >>> from datetime import datetime, timezone
    >>> policy = PolicyBuilder(datetime(2026, 12, 1, 12, tzinfo=timezone.utc)).bucket("photos")
    >>> signed = SignedPolicy.v1("ak", "sk", policy.build()).host("https://photos.example")
    >>> [name for name, _ in signed.fields()]
    ['policy', 'OSSAccessKeyId', 'Signature']
    """

    expiration: datetime
    policy: str = field(repr=False)
    _signature: tuple[tuple[str, str], ...] = field(repr=False)
    _is_v4: bool = field(repr=False)
    _host: str = ""
    _dir: str = ""
    _callback: str | None = field(default=None, repr=False)
    _more: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def v1(cls, access_key_id: str, access_key_secret: str, policy: PolicyDocument) -> SignedPolicy:
        """Signs with V1.

        The token of a temporary access key is one more `field`, `x-oss-security-token`.
        """
        _check_signer(access_key_id=access_key_id, access_key_secret=access_key_secret)
        encoded = policy.encode()
        signature = sign_v1(access_key_secret, encoded)
        fields = (("OSSAccessKeyId", access_key_id), ("Signature", signature))
        return cls(policy.expiration, encoded, fields, _is_v4=False)

    @classmethod
    def v4(
        cls,
        access_key_id: str,
        access_key_secret: str,
        policy: PolicyDocument,
        *,
        region: str,
        security_token: str | None = None,
        now: datetime | None = None,
    ) -> SignedPolicy:
        """Signs with V4 for `region`, such as `cn-hangzhou`.

        The conditions that V4 demands (signature version, credential, date and token) are added to
        the policy. The signature is good for seven days, the policy until it expires.
        """
        _check_signer(
            access_key_id=access_key_id, access_key_secret=access_key_secret, region=region
        )
        time = (now or datetime.now(timezone.utc)).astimezone(timezone.utc)
        scope = [f"{time:%Y%m%d}", region, "oss", "aliyun_v4_request"]
        bound = [
            ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
            ("x-oss-credential", "/".join([access_key_id, *scope])),
            ("x-oss-date", f"{time:%Y%m%dT%H%M%SZ}"),
        ]
        if security_token is not None:
            bound.append(("x-oss-security-token", security_token))
        builder = PolicyBuilder(policy.expiration, policy.conditions)
        for name, value in bound:
            builder = builder.equals(name, value)
        encoded = builder.build().encode()
        fields = (("x-oss-signature", sign_v4(access_key_secret, scope, encoded)), *bound)
        return cls(policy.expiration, encoded, fields, _is_v4=True)

    def host(self, host: str) -> SignedPolicy:
        """Where the form goes: `https://BUCKET.ENDPOINT`, or whatever addresses the bucket."""
        return replace(self, _host=host)

    def dir(self, dir: str) -> SignedPolicy:
        """What the page begins its keys with.

        The policy must allow it; nothing here adds a condition.
        """
        return replace(self, _dir=dir)

    def callback(self, base64: str) -> SignedPolicy:
        """The callback parameter, in base64 (`CallbackParameter.encode`).

        A page can leave it out unless the policy binds `callback`.
        """
        return replace(self, _callback=base64)

    def field(self, name: str, value: str) -> SignedPolicy:
        """One more field of the form, before those of the signature."""
        return replace(self, _more=(*self._more, (name, value)))

    def fields(self) -> list[tuple[str, str]]:
        """The fields of the form, in the order to send them in.

        `key` (unless it was given) and `file` come after them.
        """
        fields = [*self._more, ("policy", self.policy), *self._signature]
        if self._callback is not None:
            fields.append(("callback", self._callback))
        return fields

    def to_json(self) -> str:
        """The JSON that pages know.

        Of the classic samples for V1 (`accessid host policy signature expire callback dir`,
        `expire` in Unix seconds), of the newer ones for V4 (both spellings of the version, since
        samples differ; `security_token` is empty for a permanent access key). `callback` is left
        out if there is none.
        """
        answer = self._v4_members() if self._is_v4 else self._v1_members()
        if self._callback is not None:
            answer["callback"] = self._callback
        answer["dir"] = self._dir
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))

    def _v1_members(self) -> dict[str, str | int]:
        signature = dict(self._signature)
        return {
            "accessid": signature["OSSAccessKeyId"],
            "host": self._host,
            "policy": self.policy,
            "signature": signature["Signature"],
            "expire": (self.expiration - _EPOCH) // timedelta(seconds=1),
        }

    def _v4_members(self) -> dict[str, str | int]:
        signature = dict(self._signature)
        return {
            "policy": self.policy,
            "x_oss_signature_version": signature["x-oss-signature-version"],
            "version": signature["x-oss-signature-version"],
            "x_oss_credential": signature["x-oss-credential"],
            "x_oss_date": signature["x-oss-date"],
            "signature": signature["x-oss-signature"],
            "security_token": signature.get("x-oss-security-token", ""),
            "host": self._host,
        }


def _check_signer(**texts: object) -> None:
    """A setting that is empty would sign all the same, and every upload be refused."""
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise ValueError(f"`{name}` of the signer is missing or empty")


def sign_v1(access_key_secret: str, text: str) -> str:
    """The field `Signature` for the field `policy`, which is base64 text and signed as such."""
    mac = hmac.new(access_key_secret.encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def sign_v4(access_key_secret: str, scope: list[str], text: str) -> str:
    """The field `x-oss-signature`; `scope` is what follows the id in the credential."""
    key = b"aliyun_v4" + access_key_secret.encode()
    for part in [*scope, text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
