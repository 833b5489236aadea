"""An application's callback address, written from the protocol and from nothing of ours.

It keeps what came exactly as it came: the request line's target, the headers, the body's bytes.
"""

import base64
import functools
import queue
import threading
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True)
class Call:
    """One callback, raw."""

    target: str
    headers: dict[str, str]
    body: bytes

    def with_target(self, target: str) -> "Call":
        return replace(self, target=target)

    def with_body(self, body: bytes) -> "Call":
        return replace(self, body=body)

    def key_url(self) -> str:
        return base64.b64decode(self.headers["x-oss-pub-key-url"], validate=True).decode("ascii")

    def signed_text(self) -> bytes:
        """The path decoded, the query raw with its question mark if there is one, and the body."""
        path, question_mark, query = self.target.partition("?")
        head = urllib.parse.unquote_to_bytes(path) + question_mark.encode() + query.encode()
        return head + b"\n" + self.body


def is_genuine(call: Call, allowed_key_url: str) -> bool:
    """Did the storage server at that very key address sign this call?"""
    if call.key_url() != allowed_key_url:
        return False
    signature = base64.b64decode(call.headers["authorization"], validate=True)
    try:
        fetch_key(allowed_key_url).verify(signature, call.signed_text(), padding.PKCS1v15(), hashes.MD5())
    except InvalidSignature:
        return False
    return True


@functools.cache
def fetch_key(url: str) -> rsa.RSAPublicKey:
    """Once for each address: the real service's key has not changed for years."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return serialization.load_pem_public_key(answer.read())


class Receiver:
    """Listens on a free port of the loopback address and answers every call the same."""

    def __init__(self, answer: bytes = b'{"Status":"OK"}', status: int = 200):
        calls: queue.Queue[Call] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                calls.put(Call(self.path, headers, body))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._calls = calls
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, target: str = "/callback") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{target}"

    def call(self) -> Call:
        """The next call; there must be one."""
        return self._calls.get(timeout=10)

    def is_idle(self) -> bool:
        return self._calls.empty()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
