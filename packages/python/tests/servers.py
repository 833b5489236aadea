"""Real servers with a receiver in them, and a client that sends what it is given, byte for byte.

Each receiver answers 200 with what the verifier said: `{"code": null}` for a genuine callback.
"""

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn

from upcall import CallbackVerifier, KeySource, PublicKeyUrls, VerifyError, asgi, wsgi
from upcall.answer import Answer
from vectors import keys_of_the_table, table

HERE = Path(__file__).resolve().parent


def table_verifier(case=None):
    """With the table's own list of addresses, or that of the case."""
    listed = (case or {}).get("keyUrls", table("verify.json")["keyUrls"])
    urls = PublicKeyUrls.parse(" ".join(listed))
    return CallbackVerifier(urls, KeySource(keys_of_the_table))


async def asgi_receiver(scope, receive, send):
    code = None
    try:
        await asgi.verify(table_verifier(), scope, receive)
    except VerifyError as error:
        code = error.code
    answer = Answer.of(200, {"code": code})
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def wsgi_receiver(environ, start_response):
    code = None
    try:
        wsgi.verify(table_verifier(), environ)
    except VerifyError as error:
        code = error.code
    answer = Answer.of(200, {"code": code})
    start_response("200 OK", answer.headers)
    return [answer.body]


@contextlib.contextmanager
def running_uvicorn(app, **settings):
    """Gives the port."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", **settings)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class Quiet(WSGIRequestHandler):
    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def running_wsgiref(app):
    """Gives the port."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def running_gunicorn(app="servers:wsgi_receiver", *flags):
    """Gives the port."""
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *flags, app]
    paths = [str(HERE), str(HERE.parent / "src")]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        cwd=HERE,
        text=True,
        env={"PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        for line in process.stderr:
            found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)
            if found:
                yield int(found[1])
                break
        else:
            raise AssertionError("gunicorn has not started")
    finally:
        process.terminate()
        process.stderr.close()
        process.wait(20)


def exchange(port, method, target, headers, body):
    """Sends a request as it stands, and gives status and body of the answer."""
    head = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    head += [f"{name}: {value}" for name, value in headers]
    if "content-length" not in {name.lower() for name, _ in headers}:
        head.append(f"Content-Length: {len(body)}")
    head += ["", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), dict(_headers(head)), body


def verdict(port, case, body):
    status, _, answer = exchange(port, case["method"], case["target"], case["headers"], body)
    return json.loads(answer)["code"] if status == 200 else status


def _headers(head):
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()
