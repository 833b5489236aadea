"""What examples may meet: the servers of keys, traps that nobody may walk into, a name server that keeps a list."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class KeyServer:
    """Serves keys, and counts who asks."""

    def __init__(self, address: str, port: int, answers: dict[str, bytes | str]):
        """An answer that is text is a redirection to there."""
        outer = self
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                answer = answers.get(self.path)
                if isinstance(answer, str):
                    self.send_response(302)
                    self.send_header("Location", answer)
                    answer = b""
                else:
                    self.send_response(200 if answer is not None else 404)
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # who asks has seen enough
                    self.wfile.write(answer or b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@dataclass
class Traps:
    """Listeners of the forger. A connection is a failure, whatever comes over it."""

    walked_into: list[str] = field(default_factory=list)

    def set(self, address: str, port: int) -> int:
        listener = socket.create_server((address, port))
        port = listener.getsockname()[1]

        def accept():
            while True:
                connection, _ = listener.accept()
                self.walked_into.append(f"{address}:{port}")
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        return port


class NameServer:
    """Knows no name, and remembers each that it was asked for."""

    def __init__(self):
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(4096)
            self.asked.append(read_name(question))
            # The same question, marked as an answer: there is no such name.
            self.socket.sendto(question[:2] + b"\x81\x83" + question[4:], peer)


def read_name(question: bytes) -> str:
    labels, at = [], 12
    while at < len(question) and question[at]:
        length = question[at]
        labels.append(question[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels)
