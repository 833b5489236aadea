"""Is this callback the storage server's? For application servers.

In: a request as it came, body included. Out: `VerifiedCallback`, or `VerifyError`, which says which
part is wrong. The order of the checks is the same in every language's package: what costs nothing
comes first, and no key is fetched for a request that could not be good anyway.

Source: OSS, "Callback" (step 4).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Union
from urllib.parse import parse_qsl, unquote_to_bytes

from .binding import Binding, Permission
from .key_source import KeySource, KeyUnavailable
from .key_url import PublicKeyUrl, PublicKeyUrls
from .public_key import PublicKey
from .verify_error import InvalidBody, VerifyError

Text = Union[str, bytes]
Headers = Union[Mapping[str, str], Iterable[tuple[Text, Text]]]

@dataclass(frozen=True)
class VerifiedCallback:
    """A callback that the key's owner signed.

    What was signed is target and body, and nothing else: neither a host nor a time nor any header.
    An application that must not hear of one upload twice compares `reqId`, or the object's name and
    entity tag.
    """

    body: bytes
    key_url: PublicKeyUrl
    _permission: Permission | None = None

    @property
    def permission(self) -> Permission:
        """Whom the application permitted what, by the body's binding.

        Raises `TypeError` if the verifier has no `binding`, and so did not look.
        """
        if self._permission is None:
            raise TypeError("give the verifier a `binding`: without one it knows of no permission")
        return self._permission

    def form(self) -> dict[str, str]:
        """The fields of a body of type `application/x-www-form-urlencoded`.

        Raises `InvalidBody`, a `ValueError`, if it is none, is no UTF-8, or has a field twice: of two
        values, one reader would take the first and the next the last. The adapters answer it with
        400.
        """
        return read_form(self.body)

    def json(self) -> object:
        """The value of a body of type `application/json`; raises `InvalidBody` if it is none, or has a
        member twice."""
        try:
            return json.loads(self.body.decode("utf-8"), object_pairs_hook=_members)
        except InvalidBody:
            raise
        except (RecursionError, ValueError):
            # The uploader writes the body where no policy binds `callback`.
            raise InvalidBody("the callback's body is no JSON in UTF-8") from None

    def bound_by(self, binding: Binding) -> VerifiedCallback:
        """The same, with its `permission`; raises `BindingError` or `InvalidBody`."""
        # JSON if it begins so: the header that says what it is is not signed.
        members = self.json() if self.body[:1] == b"{" else self.form()
        assert isinstance(members, dict)
        token, bucket, key = (
            value if isinstance(value, str) else None
            for value in map(members.get, ("binding", "bucket", "object"))
        )
        permission = binding.verify(token, bucket=bucket, object=key)
        return replace(self, _permission=permission)


@dataclass(frozen=True)
class UnverifiedCallback:
    """A callback of which all is well but the signature, which needs the key."""

    key_url: PublicKeyUrl
    signature: bytes
    string_to_sign: bytes
    body: bytes

    def verify(self, key: PublicKey) -> VerifiedCallback:
        """Checks the signature with the key from `key_url`."""
        least = self.key_url.least_bits
        if key.bits < least:
            raise VerifyError(
                "key-too-small",
                f"the key has {key.bits} bits; from this address it must have {least}",
            )
        if not key.verifies_md5(self.string_to_sign, self.signature):
            raise VerifyError(
                "signature",
                "the signature does not match target and body, or was made with another key",
            )
        return VerifiedCallback(self.body, self.key_url)


class CallbackVerifier:
    """Verifies callbacks; one for the whole application, since it keeps the keys.

    With a `binding`, a callback is taken only for what the application itself permitted, and its
    `permission` says whom it permitted what. Without one, a signature proves no more than that
    somebody with a key of the storage server uploaded something somewhere.
    """

    def __init__(
        self,
        key_urls: PublicKeyUrls | None = None,
        keys: KeySource | None = None,
        *,
        binding: Binding | None = None,
    ) -> None:
        self._key_urls = PublicKeyUrls.oss() if key_urls is None else key_urls
        self._keys = KeySource() if keys is None else keys
        self._binding = binding

    def verify(
        self, *, method: str, target: Text, headers: Headers, body: bytes
    ) -> VerifiedCallback:
        """Checks a request; raises `VerifyError`. May block for two seconds, to fetch a key.

        `target` is path and query as they stood in the request line, `headers` a mapping or pairs
        (names in any case), `body` the bytes before anything has read them as a form or JSON.
        """
        unverified = self.read(method=method, target=target, headers=headers, body=body)
        try:
            key = self._keys.get(unverified.key_url)
        except KeyUnavailable as error:
            raise VerifyError("key-unavailable", str(error)) from error
        try:
            return self._bound(unverified.verify(key))
        except VerifyError as error:
            if error.code not in _MAY_BE_RENEWED:
                raise
            # The storage server may have another key by now.
            renewed = self._keys.renewed(unverified.key_url, key)
            if renewed is None:
                raise
            return self._bound(unverified.verify(renewed))

    async def verify_async(
        self, *, method: str, target: Text, headers: Headers, body: bytes
    ) -> VerifiedCallback:
        """As `verify`, without blocking the event loop."""
        unverified = self.read(method=method, target=target, headers=headers, body=body)
        try:
            key = await self._keys.get_async(unverified.key_url)
        except KeyUnavailable as error:
            raise VerifyError("key-unavailable", str(error)) from error
        try:
            return self._bound(unverified.verify(key))
        except VerifyError as error:
            if error.code not in _MAY_BE_RENEWED:
                raise
            renewed = await self._keys.renewed_async(unverified.key_url, key)
            if renewed is None:
                raise
            return self._bound(unverified.verify(renewed))

    def _bound(self, callback: VerifiedCallback) -> VerifiedCallback:
        return callback if self._binding is None else callback.bound_by(self._binding)

    def read(
        self, *, method: str, target: Text, headers: Headers, body: bytes
    ) -> UnverifiedCallback:
        """Judges all but the signature; raises `VerifyError`."""
        if method != "POST":
            raise VerifyError("method", "a callback is a POST request")
        path_and_query = _checked_target(target)
        found = _Found(headers)
        key_url = self._key_urls.admit(_key_url_text(found.needed("x-oss-pub-key-url")))
        if key_url is None:
            raise VerifyError("key-url", "the key's address is not one of those that are allowed")
        signature = _decoded("authorization", found.needed("authorization"))
        if found.one("x-oss-signature-version") not in (None, b"1.0"):
            raise VerifyError(
                "signature-version", "the header `x-oss-signature-version` is not 1.0"
            )
        digest = found.one("content-md5")
        # OSS's oldest callbacks have none; the signature covers the body in any case.
        if digest is not None:
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            if _decoded("content-md5", digest) != md5:
                raise VerifyError(
                    "digest", "the body does not have the MD5 that `content-md5` says"
                )
        return UnverifiedCallback(key_url, signature, string_to_sign(path_and_query, body), body)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidBody("the callback's body has a member twice")
    return members


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form, none of them twice; raises `InvalidBody`."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
        )
    except ValueError:
        raise InvalidBody("the callback's body is no form in UTF-8") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidBody("the callback's body has a field twice")
    return fields


def string_to_sign(target: bytes, body: bytes) -> bytes:
    """What is signed: the path, decoded; the query with its `?`, as it is; a line feed; the body.

    A `+` in the path stays one.
    """
    path, mark, query = target.partition(b"?")
    return unquote_to_bytes(path) + mark + query + b"\n" + body


def _checked_target(target: Text) -> bytes:
    """The target, if it could be signed in one way only.

    The path is signed decoded, next to `?` and a line feed as marks: were they allowed in it,
    `/a%3Fb` would carry the signature of `/a?b`.
    """
    try:
        raw = target.encode() if isinstance(target, str) else target
    except UnicodeEncodeError:
        raw = b""
    path = unquote_to_bytes(raw.partition(b"?")[0])
    # A fragment is never sent: servers differ in whether they hand it on.
    if not path.startswith(b"/") or re.search(rb"[?\n]", path) or re.search(rb"[#\n]", raw):
        raise VerifyError(
            "target",
            "the target is not a path, has a fragment, or an encoded `?` or line feed in its path",
        )
    return raw


class _Found:
    """The headers that matter, by lower-case name."""

    def __init__(self, headers: Headers) -> None:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            self._values.setdefault(_bytes(name).lower(), []).append(_bytes(value))

    def one(self, name: str) -> bytes | None:
        values = self._values.get(name.encode(), [])
        # CGI and what descends from it read `_` as `-`: a header spelled so is another one, but
        # beside the right one it makes two.
        read_as_it = [
            found for found in self._values if found.replace(b"_", b"-") == name.encode()
        ]
        if sum(len(self._values[found]) for found in read_as_it) > 1:
            raise VerifyError("header-twice", f"the header `{name}` comes twice")
        return values[0] if values else None

    def needed(self, name: str) -> bytes:
        value = self.one(name)
        if value is None:
            raise VerifyError("header-missing", f"the header `{name}` is missing")
        return value


def _bytes(text: Text) -> bytes:
    # Values that matter are ASCII; whatever else there is only has to stay different from them.
    return text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text


def _key_url_text(header: bytes) -> str:
    try:
        return _canonical(header).decode("ascii")
    except ValueError:
        raise VerifyError(
            "key-url", "the header `x-oss-pub-key-url` is not base64 of an address"
        ) from None


def _decoded(name: str, value: bytes) -> bytes:
    try:
        return _canonical(value)
    except ValueError:
        raise VerifyError("header-not-base64", f"the header `{name}` is not base64") from None


def _canonical(text: bytes) -> bytes:
    """Reads base64 of the standard alphabet, with padding, in the one form that writing gives.

    `b64decode` alone lets bits pass that belong to nothing.
    """
    decoded = base64.b64decode(text, validate=True)
    if base64.b64encode(decoded) != text:
        raise binascii.Error("not canonical")
    return decoded


_MAY_BE_RENEWED = ("key-too-small", "signature")
