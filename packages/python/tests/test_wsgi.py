"""The WSGI adapter: the target, the body, Flask, and the application of its own."""

import http.client
import io

import flask
import pytest

from servers import exchange, running_gunicorn, running_wsgiref
from upcall import CallbackVerifier, VerifyError, wsgi
from upcall.answer import BodyTooLarge
from upcall.testing import CallbackClient
from vectors import body_of, table

FORM = {"object": "user/eric/猫 1.jpg", "size": "5"}


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"REQUEST_URI": "/a%20b?x=%20", "PATH_INFO": "/a b"}, b"/a%20b?x=%20"),
        ({"RAW_URI": "/cb?", "PATH_INFO": "/cb"}, b"/cb?"),
        # With neither: the same once decoded.
        ({"PATH_INFO": "/\xe7\x8c\xab b%", "QUERY_STRING": "a=%20"}, b"/%E7%8C%AB%20b%25?a=%20"),
        ({"SCRIPT_NAME": "/api", "PATH_INFO": "/cb", "QUERY_STRING": ""}, b"/api/cb"),
        ({"PATH_INFO": "/a?b\n"}, b"/a%3Fb%0A"),
    ],
)
def test_the_target_is_what_the_sender_wrote(environ, target):
    assert wsgi.target(environ) == target


def test_an_environment_without_any_target_says_so():
    with pytest.raises(LookupError, match="REQUEST_URI"):
        wsgi.target({"REQUEST_METHOD": "POST"})


def test_the_body_is_read_once_and_found_again():
    environ = {"CONTENT_LENGTH": "3", "wsgi.input": io.BytesIO(b"abcdef")}
    assert wsgi.read_body(environ) == b"abc"
    assert environ["wsgi.input"].read() == b"abc"

    endless = {"wsgi.input": io.BytesIO(b"abc")}
    assert wsgi.read_body(endless) == b"", "without a length, reading could wait for ever"
    chunked = {"wsgi.input": io.BytesIO(b"abc"), "wsgi.input_terminated": True}
    assert wsgi.read_body(chunked) == b"abc"
    assert chunked["CONTENT_LENGTH"] == "3"

    for long in [
        {"CONTENT_LENGTH": "9", "wsgi.input": None},
        {"wsgi.input": io.BytesIO(b"x" * 9), "wsgi.input_terminated": True},
    ]:
        with pytest.raises(BodyTooLarge):
            wsgi.read_body(long, max_body=8)


def test_flask_takes_genuine_callbacks_and_no_others(upcall_client):
    verifier = CallbackVerifier(upcall_client.key_urls)
    app = flask.Flask(__name__)

    @app.post("/callback")
    def uploaded():
        callback = wsgi.verify(verifier, flask.request.environ)
        # What Flask reads afterwards is the same body.
        assert flask.request.form.to_dict() == callback.form()
        return {"object": callback.form()["object"]}

    @app.errorhandler(VerifyError)
    def refused(error):
        return {"code": error.code}, 400

    with running_wsgiref(app) as port:
        url = f"http://127.0.0.1:{port}/callback?x=%20"
        answer = upcall_client.send(url, FORM)
        assert (answer.status, answer.json()) == (200, {"object": FORM["object"]})
        answer = upcall_client.send(url, FORM, tamper="body")
        assert (answer.status, answer.json()) == (400, {"code": "signature"})


def test_an_application_of_its_own(upcall_client):
    seen = []
    app = wsgi.CallbackApp(
        CallbackVerifier(upcall_client.key_urls),
        lambda callback: seen.append(callback.form()) or {"Status": "OK"},
    )
    with running_wsgiref(app) as port:
        url = f"http://127.0.0.1:{port}/a%20b/%E7%8C%AB?x=1"
        answer = upcall_client.send(url, FORM)
        assert (answer.status, answer.json(), seen) == (200, {"Status": "OK"}, [FORM])
        assert answer.headers["Content-Length"] == str(len(answer.body))
        for tamper in ["body", "path", "query", "key"]:
            answer = upcall_client.send(url, FORM, tamper=tamper)
            assert (answer.status, answer.json()) == (400, {"Status": "verify not ok"})
        assert exchange(port, "GET", "/", [], b"")[0] == 405
        assert exchange(port, "POST", "/", [("Content-Length", str(2**21))], b"")[0] == 413
        assert seen == [FORM]


def test_without_the_key_the_callback_is_to_come_again():
    with CallbackClient() as gone:
        signed = gone.sign("/cb", FORM)
        app = wsgi.CallbackApp(CallbackVerifier(gone.key_urls), lambda callback: None)
    with running_wsgiref(app) as port:
        headers = list(signed.headers.items())
        status, _, body = exchange(port, "POST", signed.target, headers, signed.body)
        assert (status, body) == (503, b'{"Status": "verify not ok"}')


def test_a_body_in_chunks_through_gunicorn():
    """Its length is not told, but its end is."""
    case = next(case for case in table("verify.json")["cases"] if case["name"] == "genuine")
    with running_gunicorn("servers:wsgi_receiver") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = body_of(case)
        pieces = iter([body[:5], body[5:]])
        connection.request(
            "POST", case["target"], pieces, dict(case["headers"]), encode_chunked=True
        )
        assert connection.getresponse().read() == b'{"code": null}'
        connection.close()
