"""Direct uploads for application servers: sign policies, verify callbacks.

For upcall, and for Alibaba Cloud OSS, whose protocol it speaks. Adapters are in `upcall.asgi`,
`upcall.wsgi` and `upcall.django`, helpers for tests in `upcall.testing`; the names here are those
of the packages for Rust and TypeScript.
"""

from .answer import BodyTooLarge
from .binding import Binding, BindingError, Permission
from .callback_parameter import CallbackParameter
from .head_check import presign_head, upload_mismatch
from .key_source import KeySource, KeyUnavailable, fetch_key
from .key_url import PublicKeyUrl, PublicKeyUrls
from .policy import PolicyBuilder, PolicyDocument
from .public_key import InvalidPublicKey, PublicKey
from .signed_policy import SignedPolicy
from .verifier import CallbackVerifier, UnverifiedCallback, VerifiedCallback
from .verify_error import InvalidBody, VerifyError

__all__ = [
    "Binding",
    "BindingError",
    "BodyTooLarge",
    "CallbackParameter",
    "CallbackVerifier",
    "InvalidBody",
    "InvalidPublicKey",
    "KeySource",
    "KeyUnavailable",
    "Permission",
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
    "presign_head",
    "upload_mismatch",
]
