"""nginx, Apache and Caddy as processes of whoever runs the tests, with the guide's files.

A proxy gets a folder of its own for everything that it writes, and a free port instead of 443. The
guide's files are for a machine's own service: what that has around them (modules, where the process
number goes) is here, and nothing that changes what a request meets.
"""

import getpass
import grp
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ports import free_port

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/proxies"
MODULES = Path("/usr/lib/apache2/modules")
START_LIMIT = 20.0
STOP_LIMIT = 20.0

FILES = {"nginx": "nginx.conf", "apache": "apache.conf", "caddy": "Caddyfile"}
PROGRAMS = {"nginx": "nginx", "apache": "apache2", "caddy": "caddy"}


@dataclass(frozen=True)
class Upstreams:
    """The addresses behind the proxy, `IP:PORT`."""

    storage: str
    console: str
    application: str


def guide_file(name: str, port: int, upstreams: Upstreams, certificates: Path) -> str:
    """The guide's file for this proxy, with the test's addresses in place of the guide's."""
    text = (GUIDE / FILES[name]).read_text(encoding="utf-8")
    replacements = {
        "127.0.0.1:8700": upstreams.storage,
        "127.0.0.1:8702": upstreams.console,
        "127.0.0.1:3000": upstreams.application,
        "/etc/ssl/": f"{certificates}/",
        # The one name that resolves on every machine: the storage server calls it.
        "app.example.com ": "localhost ",
        "app.example.com;": "localhost;",
        "app.example.com\n": "localhost\n",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{port}>",
    }
    for written, meant in replacements.items():
        text = text.replace(written, meant)
    left = [word for word in (":8700", ":8702", ":3000", "/etc/ssl") if word in text]
    assert not left, (left, text)
    return text


class Proxy:
    """A running proxy. `ports` is where it listens for the sites of its file."""

    def __init__(self, name: str, folder: Path, site: str, port: int):
        self.name = name
        self.folder = folder
        self.port = port
        self._log = folder / "log"
        command, environment = _PREPARE[name](_program(name), folder, site, port)
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def log(self) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("*log")) if path.is_file()
        )

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            raise

    def _wait(self):
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self._process.kill()
        raise AssertionError(f"{self.name} does not listen:\n{self.log()}")


def _program(name: str) -> str:
    """Debian has nginx and Apache where only root looks for programs."""
    path = shutil.which(PROGRAMS[name], path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None and "UPCALL_TESTS_MAY_SKIP" in os.environ:
        pytest.skip(f"{PROGRAMS[name]} is not installed")
    assert path, f"{PROGRAMS[name]} is not installed: apt-get install {PROGRAMS[name]}"
    return path


def _nginx(program: str, folder: Path, site: str, _port: int):
    (folder / "site.conf").write_text(site, encoding="utf-8")
    temporary = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Workers of a master that is root run as nobody otherwise, and may not write here.
    user = f"user {getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name};\n" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\n"
        f"error_log {folder}/error-log info;\nevents {{}}\n"
        f"http {{\n    access_log off;\n{temporary}    include {folder}/site.conf;\n}}\n",
        encoding="utf-8",
    )
    # Without -e, nginx opens its built-in log first, which is root's.
    return [program, "-e", folder / "error-log", "-p", folder, "-c", folder / "nginx.conf"], {}


def _apache(program: str, folder: Path, site: str, port: int):
    (folder / "site.conf").write_text(site, encoding="utf-8")
    modules = [
        *("mpm_event", "authn_core", "authz_core", "authz_host", "reqtimeout", "headers"),
        *("socache_shmcb", "ssl", "proxy", "proxy_http"),
    ]
    loaded = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in modules)
    # Apache does not serve as root.
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    (folder / "apache2.conf").write_text(
        f"{loaded}{user}ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\n"
        f"PidFile {folder}/pid\nErrorLog {folder}/error-log\nDefaultRuntimeDir {folder}\n"
        f"Mutex file:{folder} default\nStartServers 1\nThreadsPerChild 25\nMaxRequestWorkers 25\n"
        # As in Debian's files.
        "Timeout 300\nRequestReadTimeout header=20-40,minrate=500 body=10,minrate=500\n"
        f"<Directory />\n    Require all denied\n</Directory>\nInclude {folder}/site.conf\n",
        encoding="utf-8",
    )
    return [program, "-D", "FOREGROUND", "-f", folder / "apache2.conf"], {}


def _caddy(program: str, folder: Path, site: str, port: int):
    # Ports can only be said once for all sites, among the options at the top. The admin interface
    # has a port of its own, and certificates of its own are not wanted in the machine's store.
    plain, tls = (free_port(), port) if "tls " in site else (port, free_port())
    options = (
        f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {tls}\n\tdefault_bind 127.0.0.1\n"
        "\tskip_install_trust\n\tauto_https disable_redirects\n"
    )
    first, found, rest = site.partition("{\n")
    site = first + options + rest if _has_options(first) else f"{options}}}\n{site}"
    assert found
    (folder / "Caddyfile").write_text(site, encoding="utf-8")
    command = [program, "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    return command, {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def _has_options(head: str) -> bool:
    """Whether the first block has no name before it: then it is the one of the options."""
    return all(line.startswith("#") or not line for line in head.splitlines())


_PREPARE = {"nginx": _nginx, "apache": _apache, "caddy": _caddy}
