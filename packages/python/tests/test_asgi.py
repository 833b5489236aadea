"""The ASGI adapter: the target, the body, FastAPI, and the application of its own."""

import asyncio
import json

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from servers import exchange, running_uvicorn
from upcall import CallbackVerifier, VerifyError, asgi

FORM = {"object": "user/eric/猫 1.jpg", "size": "5"}


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ({"raw_path": b"/a%20b", "path": "/a b", "query_string": b"x=%20"}, b"/a%20b?x=%20"),
        ({"raw_path": b"/cb", "path": "/cb", "query_string": b""}, b"/cb"),
        # Without raw_path: the same once decoded.
        ({"path": "/猫 b+c%", "query_string": b"a=b"}, b"/%E7%8C%AB%20b+c%25?a=b"),
        ({"path": "/a?b\n", "query_string": b""}, b"/a%3Fb%0A"),
        ({"raw_path": None, "path": "/cb", "query_string": b""}, b"/cb"),
        # With root_path: in the path already (uvicorn, mounted applications) …
        ({"raw_path": b"/api/cb", "path": "/api/cb", "root_path": "/api"}, b"/api/cb"),
        ({"raw_path": b"/%61pi/cb", "path": "/api/cb", "root_path": "/api"}, b"/%61pi/cb"),
        # … or not (hypercorn), also where the names look alike.
        ({"raw_path": b"/cb", "path": "/cb", "root_path": "/api"}, b"/api/cb"),
        ({"raw_path": b"/apis/cb", "path": "/apis/cb", "root_path": "/api"}, b"/api/apis/cb"),
    ],
)
def test_the_target_is_what_the_sender_wrote(scope, target):
    assert asgi.target(scope) == target


def fastapi_app(client):
    verifier = CallbackVerifier(client.key_urls)
    app = FastAPI()

    @app.post("/callback")
    @app.post("/files/{name}")
    async def uploaded(request: Request):
        callback = await asgi.verify_request(verifier, request)
        return {"object": callback.form()["object"]}

    @app.exception_handler(VerifyError)
    async def refused(request: Request, error: VerifyError):
        return JSONResponse({"code": error.code}, 400)

    return app


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_fastapi_takes_genuine_callbacks_and_no_others(upcall_client, http):
    with running_uvicorn(fastapi_app(upcall_client), http=http) as port:
        for path in ["/callback", "/callback?user=1&x=%20", "/files/%E7%8C%AB%201.jpg"]:
            url = f"http://127.0.0.1:{port}{path}"
            answer = upcall_client.send(url, FORM)
            assert (answer.status, answer.json()) == (200, {"object": FORM["object"]})
            assert answer.headers["content-length"] == str(len(answer.body))
            for tamper in ["body", "query", "key"]:
                answer = upcall_client.send(url, FORM, tamper=tamper)
                assert (answer.status, answer.json()) == (400, {"code": "signature"})


def test_behind_a_proxy_that_takes_a_prefix_off(upcall_client):
    with running_uvicorn(fastapi_app(upcall_client), root_path="/api") as port:
        signed = upcall_client.sign("/api/callback", FORM)
        status, _, body = exchange(port, "POST", "/callback", signed.headers.items(), signed.body)
        assert (status, json.loads(body)) == (200, {"object": FORM["object"]})


def test_mounted_in_another_application(upcall_client):
    seen = []

    async def uploaded(callback):
        seen.append(callback.form())
        return {"Status": "OK"}

    hooks = asgi.CallbackApp(CallbackVerifier(upcall_client.key_urls), uploaded)
    inner = Starlette(routes=[Route("/cb", hooks, methods=["POST", "PUT"])])
    with running_uvicorn(Starlette(routes=[Mount("/hooks", inner)])) as port:
        url = f"http://127.0.0.1:{port}/hooks/cb?x=1"
        answer = upcall_client.send(url, FORM)
        assert (answer.status, answer.json()) == (200, {"Status": "OK"})
        assert seen == [FORM]
        answer = upcall_client.send(url, FORM, tamper="body")
        assert (answer.status, answer.json()) == (400, {"Status": "verify not ok"})
        status, _, _ = exchange(port, "PUT", "/hooks/cb", [], b"")
        assert status == 405
        status, _, _ = exchange(port, "POST", "/hooks/cb", [], b"x" * (1024 * 1024 + 1))
        assert status == 413
        assert seen == [FORM]


def test_a_plain_function_may_answer_too(upcall_client):
    app = asgi.CallbackApp(
        CallbackVerifier(upcall_client.key_urls), lambda callback: callback.form()
    )
    with running_uvicorn(app) as port:
        assert upcall_client.send(f"http://127.0.0.1:{port}/", FORM).json() == FORM


def test_a_body_in_pieces_and_a_sender_that_hangs_up(upcall_client):
    verifier = CallbackVerifier(upcall_client.key_urls)
    signed = upcall_client.sign("/cb", FORM)
    headers = [(name.lower().encode(), value.encode()) for name, value in signed.headers.items()]
    scope = {"method": "POST", "path": "/cb", "headers": headers, "query_string": b""}

    def receive(messages):
        waiting = iter(messages)

        async def one():
            return next(waiting)

        return one

    pieces = [
        {"type": "http.request", "body": signed.body[:3], "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": signed.body[3:]},
    ]
    callback = asyncio.run(asgi.verify(verifier, scope, receive(pieces)))
    assert callback.body == signed.body
    with pytest.raises(ConnectionError):
        cut = [pieces[0], {"type": "http.disconnect"}]
        asyncio.run(asgi.verify(verifier, scope, receive(cut)))


def test_an_application_for_http_says_so_to_other_protocols(upcall_client):
    app = asgi.CallbackApp(CallbackVerifier(upcall_client.key_urls), lambda callback: None)
    with pytest.raises(RuntimeError, match="websocket"):
        asyncio.run(app({"type": "websocket"}, None, None))
