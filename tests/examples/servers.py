"""What examples may meet: the servers of keys, traps that nobody may walk into, a name server that keeps a list."""

import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What a server of keys says beside 200 and a whole body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: Between the bytes of the body.
    pause_seconds: float = 0


class KeyServer:
    """Serves keys, and counts who asks."""

    def __init__(self, address: str, port: int, answers: dict[str, bytes | Reply]):
        """A path that ends with `/` stands for all below it."""
        outer = self
        self.asked: list[str] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with outer.lock:
                    outer.asked.append(self.path)
                    outer.under_way += 1
                    outer.most_under_way = max(outer.most_under_way, outer.under_way)
                folder = self.path.rpartition("/")[0] + "/"
                answer = answers.get(self.path, answers.get(folder, Reply(404)))
                try:
                    self.answer(Reply(body=answer) if isinstance(answer, bytes) else answer)
                except ConnectionError:
                    pass  # who asks has seen enough
                finally:
                    with outer.lock:
                        outer.under_way -= 1

            def answer(self, reply: Reply):
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if not reply.pause_seconds:
                    self.wfile.write(reply.body)
                    return
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.pause_seconds)

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
