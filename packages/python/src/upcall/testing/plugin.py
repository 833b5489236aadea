"""The pytest plugin: an upcall for the tests of an application server.

- `upcall_server`: a running upcall for the whole session, found or started (`server.py` says how).
- `upcall_bucket`: a bucket of its own for each test.
- `upcall_callback_url`: where uploads call by default. Override it with your application's address.
- `upcall_client`: calls a receiver without any storage server.

With pytest-xdist each worker starts a server of its own, unless `UPCALL_ADMIN_URL` names one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from .bucket import UpcallBucket
from .client import CallbackClient
from .server import NoServer, UpcallServer


@pytest.fixture(scope="session")
def upcall_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpcallServer]:
    """A running upcall. Without one the test fails: skipped, it would look as if all were well."""
    try:
        server = UpcallServer.for_tests(tmp_path_factory.mktemp("upcall"))
    except NoServer as error:
        pytest.fail(str(error), pytrace=False)
    yield server
    server.stop()


@pytest.fixture
def upcall_callback_url(upcall_server: UpcallServer) -> str | None:
    """Where uploads call: `CALLBACK_URL` of a server that runs already, otherwise nowhere."""
    return upcall_server.default_callback_url


@pytest.fixture
def upcall_bucket(
    upcall_server: UpcallServer, upcall_callback_url: str | None
) -> Iterator[UpcallBucket]:
    """A bucket that nobody else uses; it is gone when the test has ended."""
    bucket = UpcallBucket(upcall_server, f"t-{secrets.token_hex(8)}", upcall_callback_url)
    bucket.create()
    yield bucket
    bucket.remove()


@pytest.fixture(scope="session")
def upcall_client() -> Iterator[CallbackClient]:
    """Signs callbacks with a key of its own, and serves that key."""
    with CallbackClient() as client:
        yield client
