"""Direct uploads for application servers: sign policies, verify callbacks.

For upcall, and for Alibaba Cloud OSS, whose protocol it speaks. Adapters are in `upcall.asgi`,
`upcall.wsgi` and `upcall.django`, helpers for tests in `upcall.testing`; the names here are those
of the packages for Rust and TypeScript.
"""

from .answer import BodyTooLarge
from .callback_parameter import CallbackParameter
from .key_source import KeySource, KeyUnavailable, fetch_key
from .key_url import PublicKeyUrl, PublicKeyUrls
from .policy import PolicyBuilder, PolicyDocument
from .public_key import InvalidPublicKey, PublicKey
from .signed_policy import SignedPolicy
from .verifier import CallbackVerifier, UnverifiedCallback, VerifiedCallback, VerifyError

__all__ = [
    "BodyTooLarge",
    "CallbackParameter",
    "CallbackVerifier",
    "InvalidPublicKey",
    "KeySource",
    "KeyUnavailable",
    "PolicyBuilder",
    "PolicyDocument",
    "PublicKey",
    "PublicKeyUrl",
    "PublicKeyUrls",
    "SignedPolicy",
    "UnverifiedCallback",
    "VerifiedCallback",
    "VerifyError",
    "fetch_key",
]
