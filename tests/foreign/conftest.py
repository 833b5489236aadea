"""A running `upcall dev` for all tests, and a client of Alibaba Cloud's own Python SDK."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import oss2
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/proxies"))


@dataclass(frozen=True)
class Dev:
    """Where a running `upcall dev` listens, and the key that its application signs with."""

    storage: str
    app: str
    bucket: str
    region: str
    access_key_id: str
    access_key_secret: str
    public_key_url: str

    def auth(self) -> oss2.Auth:
        return oss2.Auth(self.access_key_id, self.access_key_secret)

    def bucket_client(self, name: str) -> oss2.Bucket:
        return oss2.Bucket(self.auth(), self.storage, name, enable_crc=True)


@pytest.fixture(scope="session")
def dev(tmp_path_factory):
    """`upcall dev` on free ports, with a data folder of its own."""
    folder = tmp_path_factory.mktemp("dev")
    addresses = [word for flag in ("--storage", "--app", "--admin") for word in (flag, "127.0.0.1:0")]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [os.environ["UPCALL"], "dev", "--json", "--data", folder / "data", *addresses],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    line = process.stdout.readline()
    assert line, (folder / "log").read_text()
    ready = json.loads(line)
    yield Dev(
        storage=ready["storage"].rstrip("/"),
        app=ready["app"].rstrip("/"),
        bucket=ready["bucket"],
        region=ready["region"],
        access_key_id=ready["accessKeyId"],
        access_key_secret=ready["accessKeySecret"],
        public_key_url=ready["publicKeyUrl"],
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0


@pytest.fixture
def photos(dev) -> oss2.Bucket:
    """The bucket that `dev` makes, as the SDK sees it."""
    return dev.bucket_client(dev.bucket)
