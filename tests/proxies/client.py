"""A client that reaches a site by the proxy's port, under the site's name, without a name server."""

import http.client
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30

# Another one than the proxies have.
CLIENTS_ADDRESS = "127.0.0.44"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Speaks to one proxy, and believes the tests' authority."""

    def __init__(self, port: int, authority: Path):
        self.port = port
        self.authority = authority
        self._tls = ssl.create_default_context(cafile=authority)

    def connect(self, site: str) -> http.client.HTTPConnection:
        """A connection to the site; what goes over it is the caller's."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (CLIENTS_ADDRESS, 0))
        connection = http.client.HTTPConnection(site, timeout=PATIENCE)
        connection.sock = self._tls.wrap_socket(plain, server_hostname=site)
        return connection

    def ask(self, site: str, method: str, target: str, headers: dict | None = None, body=None) -> Answer:
        connection = self.connect(site)
        try:
            connection.request(method, target, body, headers or {})
            return received(connection)
        finally:
            connection.close()

    def curl(self, url: str, *arguments: str) -> tuple[int, int, bytes]:
        """Status, bytes that were sent, and the body, by curl: it speaks HTTP/2 where the proxy does,
        and stops sending when it is refused."""
        done = subprocess.run(
            [
                *("curl", "-sS", "--max-time", str(PATIENCE), "--cacert", self.authority),
                *("--connect-to", f":443:127.0.0.1:{self.port}", *arguments),
                *("-w", "\n%{http_code} %{size_upload}", url),
            ],
            capture_output=True,
            timeout=PATIENCE + 10,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        body, _, figures = done.stdout.rpartition(b"\n")
        status, sent = figures.split()
        return int(status), int(sent), body


def received(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
