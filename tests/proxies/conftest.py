"""One storage server and one application; each proxy in front of both, with the guide's file."""

import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

for folder in ("common", "foreign"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))

from certificates import Authority
from client import Client
from compressing import Compressing
from form import signed_fields
from ports import free_port
from proxy import FILES, Proxy, Upstreams, guide_file
from receiver import Receiver
from sites import APPLICATION_SITE, BUCKET, CONSOLE_SITE, PAGE, STORAGE_SITE


@dataclass(frozen=True)
class Storage:
    """A running `upcall serve` with a bucket that anybody may read."""

    address: str
    admin: str
    data: Path
    public_key_url: str
    key_id: str
    secret: str

    def fields(self, callback: dict | None = None, **others) -> dict:
        return signed_fields(self.key_id, self.secret, callback, **others)

    def bytes_on_disk(self) -> int:
        """What uploads under way have written, beside what was there."""
        return sum(path.stat().st_blocks * 512 for path in self.data.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    authority.issue("oss.example.com", [STORAGE_SITE, f"*.{STORAGE_SITE}"])
    authority.issue("upcall-admin.example.com", [CONSOLE_SITE])
    authority.issue("app.example.com", [APPLICATION_SITE])
    return authority


@pytest.fixture(scope="session")
def storage(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("storage")
    key_id, secret = "proxy-tests", secrets.token_hex(20)
    environment = {
        **os.environ,
        "UPCALL_ACCESS_KEY_ID": key_id,
        "UPCALL_ACCESS_KEY_SECRET": secret,
        # The certificates that calls to applications are checked with.
        "SSL_CERT_FILE": str(authority.certificate),
    }
    flags = {
        "--data": folder / "data",
        "--listen": "127.0.0.1:0",
        "--admin": "127.0.0.1:0",
        "--domain": STORAGE_SITE,
        "--console-url": f"https://{CONSOLE_SITE}",
        "--trusted-proxy": "127.0.0.1",
        "--callback-allow": "loopback",
        "--callback-ports": "any",
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [os.environ["UPCALL"], "serve", "--json", *(word for pair in flags.items() for word in pair)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    line = process.stdout.readline()
    assert line, (folder / "log").read_text()
    ready = json.loads(line)
    for command in (
        ["bucket", "create", BUCKET, "--acl", "public-read"],
        ["bucket", "cors", "set", BUCKET, "--origin", PAGE],
    ):
        subprocess.run([os.environ["UPCALL"], *command, "--data", folder / "data"], check=True)
    yield Storage(
        address=ready["storage"].removeprefix("http://"),
        admin=ready["admin"].removeprefix("http://"),
        data=folder / "data",
        public_key_url=ready["publicKeyUrl"],
        key_id=key_id,
        secret=secret,
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0, (folder / "log").read_text()


@pytest.fixture(scope="session")
def application():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def compressing():
    application = Compressing()
    yield application.address
    application.close()


@pytest.fixture(scope="session")
def upstreams(storage, application) -> Upstreams:
    return Upstreams(storage.address, storage.admin, application.url("").removeprefix("http://"))


@pytest.fixture(scope="session", params=FILES)
def proxy(request, tmp_path_factory, upstreams, authority):
    """The proxy with the guide's file."""
    port = free_port()
    site = guide_file(request.param, port, upstreams, authority.certificate.parent)
    proxy = Proxy(request.param, tmp_path_factory.mktemp(request.param), site, port)
    yield proxy
    proxy.stop()


@pytest.fixture
def client(proxy, authority) -> Client:
    return Client(proxy.port, authority.certificate)


@pytest.fixture
def start_proxy(tmp_path):
    """Starts proxies with other files, and stops them."""
    started = []

    def start(name: str, site, port: int) -> Proxy:
        folder = tmp_path / f"{name}-{port}"
        folder.mkdir()
        started.append(Proxy(name, folder, site, port))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()
