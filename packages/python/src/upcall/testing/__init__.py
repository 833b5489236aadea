"""For tests of application servers.

`CallbackClient` calls a receiver without a storage server. The pytest plugin, which pytest finds by
itself once the package is installed, has the fixtures `upcall_server`, `upcall_bucket`,
`upcall_client` and `upcall_callback_url`; `upcall.testing.plugin` says what each is.
"""

from .admin import AdminError
from .bucket import CallbackMissing, UpcallBucket
from .client import CallbackClient, ReceiverAnswer, SignedRequest
from .record import RecordedCallback
from .server import NoServer, UpcallServer
from .upload import UploadAnswer

__all__ = [
    "AdminError",
    "CallbackClient",
    "CallbackMissing",
    "NoServer",
    "ReceiverAnswer",
    "RecordedCallback",
    "SignedRequest",
    "UpcallBucket",
    "UpcallServer",
    "UploadAnswer",
]
