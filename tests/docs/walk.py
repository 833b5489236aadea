"""A reader's walk through a page: a folder, a shell that remembers, and what was started on the way."""

import json
import os
import re
import signal
import subprocess
import threading
import urllib.parse
from pathlib import Path

import requests

from documents import ROOT
from form import binding, signed_fields
from ports import free_port

EXAMPLES = Path(os.environ.get("UPCALL_EXAMPLES", ROOT / "examples"))
PATIENCE = 120
# The first start of an example installs what it needs.
INSTALL_LIMIT = 600
# What one block leaves to the next: functions, and variables that may be written again.
REMEMBER = (
    "trap '{{ declare -f; declare -p | grep -v \"^declare -[^ ]*r\" "
    "| grep -vE \"^declare -[^ ]* (BASH|FUNCNAME|PIPESTATUS|_=)\"; }} > {state}' EXIT\n"
)


class Walk:
    """What a page's commands find: `upcall`, `examples`, `cat.jpg`, and other ports than they name."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder.with_name(folder.name + "-log")
        self._state = folder.with_name(folder.name + "-state")
        self._port = free_port()
        self._ports = {"3000": f"127.0.0.1:{self._port}"}
        self._programs: list[subprocess.Popen] = []
        self._application: subprocess.Popen | None = None
        self._ready: dict = {}
        folder.mkdir()
        (folder / "cat.jpg").write_bytes(b"\xff\xd8\xff\xd9 hardly a cat")
        (folder / "examples").symlink_to(EXAMPLES)
        # The examples look for what they are built with beside their own folder.
        (folder / "packages").symlink_to(EXAMPLES.parent / "packages")
        for path in (folder / "target/release/upcall", folder / "bin/upcall"):
            path.parent.mkdir(parents=True)
            path.symlink_to(os.environ["UPCALL"])
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("UPCALL", "OSS_"))},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PORT": str(self._port),
            "UPLOADS": str(folder / "uploads"),
        }

    @property
    def application_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/callback"

    def here(self, text: str) -> str:
        """The text with the ports of this walk."""
        return re.sub(r"127\.0\.0\.1:(\d+)", lambda found: self._ports.get(found[1], found[0]), text)

    def run(self, text: str, status: int, place: str) -> str:
        """What the block prints on standard output."""
        known = f". {self._state} 2>/dev/null\n" if self._state.exists() else ""
        script = known + REMEMBER.format(state=self._state) + "set -euo pipefail\n" + self.here(text)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == status, (place, text, done.stdout, done.stderr, self.said())
        return done.stdout

    def compare(self, expected: str, printed: str, place: str) -> None:
        """Each line of the page is among the lines that were printed, in this order.

        `…` stands for anything, also for lines; columns may be wider than on the page.
        """
        lines = iter(_plain(line) for line in printed.splitlines())
        for line in self.here(expected).splitlines():
            if not line.strip("… "):
                continue
            pattern = ".*".join(re.escape(part.strip()) for part in _plain(line).split("…"))
            found = any(re.fullmatch(f"{pattern}", line) for line in lines)
            assert found, (place, line, printed)

    def start_program(self, arguments: list[str]) -> None:
        """`upcall dev …` or `upcall serve …` on free ports; its callback address is ours."""
        listening = {"dev": ["--storage", "--app", "--admin"], "serve": ["--listen", "--admin"]}[arguments[0]]
        command = [
            *(os.environ["UPCALL"], *(self.here(word) for word in arguments), "--json"),
            *(word for flag in listening for word in (flag, "127.0.0.1:0")),
        ]
        process = self._start(command, self._environment)
        line = process.stdout.readline()
        assert line, (command, self.said())
        self._ready = json.loads(line)
        for port, name in {"8700": "storage", "8701": "app", "8702": "admin"}.items():
            if name in self._ready:
                self._ports[port] = urllib.parse.urlsplit(self._ready[name]).netloc

    def start_application(self, text: str) -> dict:
        """An example's `run`, and the policy that it gives once it is ready."""
        if self._application is not None:
            self._end(self._application)
        self._application = self._start(["bash", "-euc", self.here(text)], self._environment)
        limit = threading.Timer(INSTALL_LIMIT, self._application.kill)
        limit.start()
        try:
            for line in self._application.stdout:
                if line.startswith(b"ready: "):
                    return requests.get(self.application_url, timeout=PATIENCE).json()
        finally:
            limit.cancel()
        raise AssertionError((text, self.said()))

    def form(self, key: str, callback_url: str, body: str = "bucket=${bucket}&object=${object}") -> dict:
        """An upload's fields, signed with the key that `dev` has; the callback has what it permits."""
        bound = f"{body}&binding={binding(self._ready['bucket'], self._ready['accessKeySecret'])}"
        callback = {"callbackUrl": callback_url, "callbackBody": bound}
        signed = signed_fields(self._ready["accessKeyId"], self._ready["accessKeySecret"], callback, "")
        return {"key": key, **signed}

    def upload(self, key: str, callback_url: str, fields: dict | None = None, **form) -> requests.Response:
        with open(self.folder / "cat.jpg", "rb") as file:
            return requests.post(
                f"{self._ready['storage'].rstrip('/')}/photos/",
                data={**self.form(key, callback_url, **form), **(fields or {})},
                files={"file": file},
                timeout=PATIENCE,
            )

    def said(self) -> str:
        """What was started has written there, for whoever reads of a failure."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def close(self) -> None:
        for process in reversed(self._programs):
            self._end(process)

    def _start(self, command: list[str], environment: dict) -> subprocess.Popen:
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._programs.append(process)
        return process

    def _end(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=PATIENCE)
        process.stdout.close()


def _plain(line: str) -> str:
    return " ".join(line.split())
