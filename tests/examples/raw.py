"""HTTP as it is written: the target and the headers go out as they stand, doubled ones too."""

import http.client
import json
import socket
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)


def exchange(port: int, method: str, target: str, headers=(), body: bytes = b"") -> Answer:
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head)
        try:
            connection.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before it was read
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return Answer(response.status, response.headers, response.read())


def send(port: int, callback) -> Answer:
    return exchange(port, callback.method, callback.target, callback.headers, callback.body)
