"""A running upcall for tests: one that is there already, or one that is started for them.

There already: `UPCALL_ADMIN_URL`, and what `upcall dev --env-file` writes beside it. Otherwise the
program is taken from `UPCALL` or found in `PATH`, and `upcall dev --json` runs until the tests have
ended, on free ports and in a folder that is thrown away.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .admin import Admin


class NoServer(Exception):
    """There is no upcall to test with; the text says what to do."""


@dataclass(frozen=True)
class UpcallServer:
    """Addresses and keys of a running upcall. `for_tests` gives one."""

    admin: Admin = field(repr=False)
    storage_url: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    callback_key_urls: str
    """What `CALLBACK_KEY_URLS` must have for an application to take this server's key."""
    default_callback_url: str | None
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @classmethod
    def for_tests(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> UpcallServer:
        """Takes the running server, or starts one in `folder`; raises `NoServer`."""
        if environment.get("UPCALL_ADMIN_URL"):
            return cls._running(environment)
        return cls._started(_program(environment), folder, environment)

    @property
    def is_double(self) -> bool:
        """Whether it can be wiped and have faults injected, as `upcall dev` can."""
        return self.admin.raw("GET", "/v1/faults")[0] == 200

    def stop(self) -> None:
        """Ends a server that was started here; another one goes on."""
        if self._process is not None:
            _stop(self._process)

    @classmethod
    def _running(cls, environment: Mapping[str, str]) -> UpcallServer:
        def needed(name: str) -> str:
            if not environment.get(name):
                raise NoServer(
                    f"`UPCALL_ADMIN_URL` is set and `{name}` is not: run"
                    " `upcall dev --env-file .env` and load all of that file into the environment, or"
                    " unset `UPCALL_ADMIN_URL`"
                )
            return environment[name]

        storage, access_key_id = needed("UPCALL_STORAGE_URL"), needed("OSS_ACCESS_KEY_ID")
        access_key_secret = needed("OSS_ACCESS_KEY_SECRET")
        admin = Admin(needed("UPCALL_ADMIN_URL"), needed("UPCALL_ADMIN_SECRET"))
        try:
            key_url = admin.ask("GET", "/v1/callback-key")["current"]["url"]
        except OSError as error:
            raise NoServer(f"nothing answers at `UPCALL_ADMIN_URL`: {error}") from error
        return cls(
            admin=admin,
            storage_url=storage.rstrip("/"),
            access_key_id=access_key_id,
            access_key_secret=access_key_secret,
            callback_key_urls=environment.get("CALLBACK_KEY_URLS") or key_url,
            default_callback_url=environment.get("CALLBACK_URL") or None,
        )

    @classmethod
    def _started(cls, program: str, folder: Path, environment: Mapping[str, str]) -> UpcallServer:
        secret = secrets.token_hex(32)
        # What is set for some other server, a folder say, must not reach this one.
        clean = {
            name: value for name, value in environment.items() if not name.startswith("UPCALL")
        }
        command = [program, "dev", "--json", "--data", str(folder / "data")]
        for listener in ("--storage", "--app", "--admin"):
            command += [listener, "127.0.0.1:0"]
        log = folder / "upcall.log"
        with log.open("wb") as errors:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**clean, "UPCALL_ADMIN_SECRET": secret},
                    text=True,
                    errors="replace",
                )
            except OSError as error:
                raise NoServer(f"`{program}` cannot be started: {error}") from error
        try:
            ready = _first_line(process)
            if not ready:
                raise NoServer(
                    f"`{program} dev` did not start:\n{log.read_text(errors='replace')[-2000:]}"
                )
            facts = _ready(ready, program)
            return cls(
                admin=Admin(facts["admin"], secret),
                storage_url=facts["storage"].rstrip("/"),
                access_key_id=facts["accessKeyId"],
                access_key_secret=facts["accessKeySecret"],
                callback_key_urls=facts["publicKeyUrl"],
                default_callback_url=None,
                _process=process,
            )
        except BaseException:
            # Nobody else knows of it: an interrupted session, too, must not leave it running.
            _stop(process)
            raise


def _program(environment: Mapping[str, str]) -> str:
    given = environment.get("UPCALL")
    found = shutil.which(given or "upcall", path=environment.get("PATH"))
    if found is None and given:
        raise NoServer(f"`UPCALL` is {given!r}, which is no program that can be run")
    if found is None:
        raise NoServer(
            "there is no program `upcall`: build it (`cargo build --release` in its repository) and"
            " put it into `PATH`, or set `UPCALL` to where it is, or start"
            " `upcall dev --env-file .env` and load that file into the environment"
        )
    return found


def _ready(line: str, program: str) -> Mapping[str, str]:
    """What the line says; a program of another version may print something else."""
    try:
        facts = json.loads(line)
        return {name: str(facts[name]) for name in _READY}
    except (ValueError, KeyError, TypeError):
        raise NoServer(
            f"`{program} dev --json` printed no addresses; is it an upcall that fits this package?"
        ) from None


_READY = ("admin", "storage", "accessKeyId", "accessKeySecret", "publicKeyUrl")


def _first_line(process: subprocess.Popen[str]) -> str:
    """What it prints when it is ready; nothing if it ends before, or the time does."""
    lines: list[str] = []
    come = threading.Event()
    stdout = process.stdout
    assert stdout is not None

    def read() -> None:
        with stdout:
            lines.append(stdout.readline())
            come.set()
            # Whatever comes after it: a full pipe would stop the program.
            while stdout.read(65536):
                pass

    threading.Thread(target=read, daemon=True).start()
    come.wait(START_SECONDS)
    return lines[0] if lines else ""


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# A busy machine makes a key of 2,048 bits in a few seconds at worst.
START_SECONDS = 60.0
# It lets running uploads and calls finish first.
STOP_SECONDS = 15.0
