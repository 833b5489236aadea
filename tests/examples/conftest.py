"""What the tests of the examples share: a closed network, servers of keys, and one running example per language."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "common")]

import isolation
from callbacks import ELLIPTIC, OURS, ROOT, SECRET, SMALL, THREE, VECTORS, pem, private_pem
from ports import free_port
from servers import KeyServer, NameServer, Reply, Traps

UPCALL = os.environ.get("UPCALL", str(ROOT / "target/debug/upcall"))

#: Below `examples`: the program that starts each, with its arguments.
STARTERS = {
    "go": "go/run",
    "java": "java/run",
    "node": "node/run",
    "php": "php/run",
    "php-apache": "php/run-apache",
    "php-fpm": "php/run-apache --fpm",
    "python": "python/run",
    "ruby": "ruby/run",
    "rust": "rust/run",
}

ACCESS_KEY = ("upcall-test-key", SECRET)
TARGET = "/callback?a=1&b=x%2Fy"

HOSTS = {
    "gosspublic.alicdn.com": "127.0.0.3",
    "evil.example": "127.0.0.4",
    "gosspublic.alicdn.com.evil.example": "127.0.0.4",
    "evilgosspublic.alicdn.com": "127.0.0.4",
}


def pytest_configure(config):
    """Everything is installed first: from the closed network nothing can be."""
    for starter in wanted():
        done = subprocess.run([*starting(starter), "--install"], env=environment(), check=False)
        if done.returncode != 0:
            raise pytest.UsageError(f"`examples/{STARTERS[starter]} --install` failed")
    isolation.enter(HOSTS, Path(tempfile.mkdtemp(prefix="upcall-examples-")))


def starting(language: str) -> list[str]:
    program, *arguments = STARTERS[language].split()
    return [str(ROOT / "examples" / program), *arguments]


def wanted() -> list[str]:
    """All of them, or those that `EXAMPLES` names."""
    return os.environ.get("EXAMPLES", " ".join(STARTERS)).split()


def pytest_generate_tests(metafunc):
    marked = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "language"]
    if "language" in metafunc.fixturenames and not marked:
        metafunc.parametrize("language", wanted(), scope="session")


def environment(**more) -> dict[str, str]:
    """Ours without what would lead an example elsewhere."""
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    for name in list(own):
        if name.startswith(("OSS_", "CALLBACK_", "BINDING_", "UPLOADS")) or name == "PORT":
            del own[name]
    return own | more


@dataclass
class World:
    """What there is beside the example."""

    keys: KeyServer
    oss: KeyServer
    traps: Traps
    names: NameServer
    trap_port: int
    down_port: int

    def address(self, template: str) -> str:
        own = self.keys.url.removeprefix("http://")
        parts = {"PORT": own.rpartition(":")[2], "OWN": own, "TRAP": f"127.0.0.1:{self.trap_port}", "NOBODY": f"127.0.0.1:{self.down_port}"}
        for name, value in parts.items():
            template = template.replace(name, value)
        return template

    @property
    def allowed(self) -> str:
        own = ["http://OWN/callback_pub_key_v1.pem", "http://OWN/keys/", "http://NOBODY/keys/"]
        # By http, as nobody here can answer for it by https; nobody should list it so.
        return " ".join(["http://gosspublic.alicdn.com/", *map(self.address, own)])


@pytest.fixture(scope="session")
def world() -> World:
    traps = Traps()
    trap_port = traps.set("127.0.0.1", 0)
    for address in ["127.0.0.3", "127.0.0.4"]:
        for port in [443, 8080]:
            traps.set(address, port)
    traps.set("127.0.0.4", 80)
    keys = KeyServer("127.0.0.1", 0, {
        "/callback_pub_key_v1.pem": pem(OURS),
        "/keys/small.pem": pem(SMALL),
        "/keys/redirected.pem": redirect(f"http://127.0.0.1:{trap_port}/callback_pub_key_v1.pem"),
        "/keys/moved.pem": redirect("/callback_pub_key_v1.pem"),
        "/keys/error.pem": Reply(500, body=pem(OURS)),
        "/keys/created.pem": Reply(201, body=pem(OURS)),
        "/keys/part.pem": Reply(206, {"Content-Range": f"bytes 0-{len(pem(OURS)) - 1}/9999"}, pem(OURS)),
        "/keys/half.pem": Reply(200, {"Content-Length": "9999"}, pem(OURS)[:200]),
        "/keys/slow.pem": Reply(body=pem(OURS), pause_seconds=0.1),
        "/keys/slow/": Reply(body=pem(OURS), pause_seconds=0.1),
        "/keys/empty.pem": b"",
        "/keys/private.pem": private_pem(OURS),
        "/keys/elliptic.pem": pem(ELLIPTIC),
        "/keys/three.pem": pem(THREE),
        "/keys/garbage.pem": b"-----BEGIN PUBLIC KEY-----\nbm8ga2V5\n-----END PUBLIC KEY-----\n",
        "/keys/huge.pem": pem(OURS) + b"\n" * (4 << 20),
    })
    oss = KeyServer("127.0.0.3", 80, {
        "/callback_pub_key_v1.pem": VECTORS["oss_public_key"]["pem"].encode(),
        "/callback_pub_key_v2.pem": pem(SMALL),
    })
    return World(keys, oss, traps, NameServer(), trap_port, free_port())


def redirect(to: str) -> Reply:
    return Reply(302, {"Location": to})


class Example:
    """One running example."""

    def __init__(self, language: str, world: World, folder: Path, **settings):
        self.language = language
        self.port = settings.pop("port", None) or free_port()
        arguments = settings.pop("arguments", [])
        self.callback_url = f"http://127.0.0.1:{self.port}{settings.pop('target', TARGET)}"
        given = {
            "PORT": str(self.port),
            "OSS_ACCESS_KEY_ID": ACCESS_KEY[0],
            "OSS_ACCESS_KEY_SECRET": ACCESS_KEY[1],
            "OSS_HOST": "http://127.0.0.1:9/photos/",
            "OSS_BUCKET": "photos",
            "CALLBACK_URL": self.callback_url,
            "CALLBACK_KEY_URLS": world.allowed,
            "UPLOADS": str(folder / "uploads"),
        } | settings
        given = {name: value for name, value in given.items() if value is not None}
        self.log = open(folder / "stderr", "ab")
        self.process = subprocess.Popen(
            [*starting(language), *arguments],
            env=environment(**given), cwd=folder, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        ready = self.process.stdout.readline().strip()
        assert ready == f"ready: http://127.0.0.1:{self.port}/", (ready, (folder / "stderr").read_text())

    def says_nothing_of(self, *secrets: str):
        said = Path(self.log.name).read_text(errors="replace")
        assert [secret for secret in secrets if len(secret) >= 6 and secret in said] == []

    def stop(self) -> int:
        """Its exit status. Not `finally` everywhere: a session's end stops what is left."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(5)
        finally:
            self.process.kill()
            self.log.close()


@contextlib.contextmanager
def open_folder():
    """A folder for everybody: Apache's workers are another user where the tests are root."""
    with tempfile.TemporaryDirectory(prefix="upcall-examples-") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@pytest.fixture(scope="session")
def example(language, world):
    with open_folder() as folder:
        running = Example(language, world, folder)
        yield running
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def another(language, world):
    """Starts the same example with other settings, and the same file of rows."""
    started = []
    folders = contextlib.ExitStack()
    folder = folders.enter_context(open_folder())

    def start(**settings) -> Example:
        started.append(Example(language, world, folder, **settings))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.stop()
    folders.close()


@dataclass
class Storage:
    """A running `upcall dev`."""

    process: subprocess.Popen
    facts: dict
    data: Path

    def run(self, *command: str):
        subprocess.run([UPCALL, *command, "--data", self.data], env=environment(), check=True)

    @property
    def bucket_url(self) -> str:
        return f"{self.facts['storage']}/{self.facts['bucket']}/"


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    data = tmp_path_factory.mktemp("upcall") / "data"
    addresses = [word for flag in ("--storage", "--app", "--admin") for word in (flag, "127.0.0.1:0")]
    process = subprocess.Popen(
        [UPCALL, "dev", "--json", "--data", data, *addresses],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(),
    )
    yield Storage(process, json.loads(process.stdout.readline()), data)
    process.terminate()
    process.wait(20)


def wait_until(condition, seconds: float = 10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
