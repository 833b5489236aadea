"""An application server: signs upload policies (GET) and records what was uploaded (POST).

The bytes never come here. A page asks for a policy, posts its file to the storage server, and the
storage server calls `CALLBACK_URL` before it answers the page. README.md has the settings.
"""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from upcall import Binding, BodyTooLarge, CallbackParameter, CallbackVerifier, Permission
from upcall import PolicyBuilder, PublicKeyUrls, SignedPolicy, VerifyError, asgi

CALLBACK_BODY = (
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}"
    "&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}&binding="
)
COLUMNS = "bucket, object, etag, size, mimeType, width, height, requestId"
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}


def needed(name: str) -> str:
    value = os.environ.get(name, "")
    return value or sys.exit(f"{name} is not set: README.md says what it is")


# Without PORT, it listens where CALLBACK_URL says, if that is on this machine.
own_port = re.match(
    r"(?:http://)?(?:127\.0\.0\.1|localhost):(\d+)(?![^/?])", os.environ.get("CALLBACK_URL", "")
)
PORT = int(os.environ.get("PORT") or (own_port[1] if own_port else 3000))
KEY_ID, KEY_SECRET = needed("OSS_ACCESS_KEY_ID"), needed("OSS_ACCESS_KEY_SECRET")
HOST, BUCKET = needed("OSS_HOST"), needed("OSS_BUCKET")
CALLBACK_URL = os.environ.get("CALLBACK_URL") or f"http://127.0.0.1:{PORT}/callback"
UPLOADS = os.environ.get("UPLOADS") or str(Path(__file__).with_name("uploads.sqlite"))

# Each says what is wrong with a setting.
try:
    CallbackParameter(CALLBACK_URL, CALLBACK_BODY)
    # Proves, in the callback, what was permitted here: others can have a callback signed, too.
    binding = Binding.from_setting(os.environ.get("BINDING_SECRET"), KEY_SECRET)
    key_urls = PublicKeyUrls.parse(os.environ.get("CALLBACK_KEY_URLS", ""))
    verifier = CallbackVerifier(key_urls, binding=binding)
except ValueError as error:
    sys.exit(f"CALLBACK_URL, CALLBACK_KEY_URLS or BINDING_SECRET cannot be used: {error}")

# Path and query as they are written there, since that is what will be called and signed.
callback_target = re.sub(r"^(https?://)?[^/?]*", "", CALLBACK_URL)
if not callback_target.startswith("/"):
    callback_target = "/" + callback_target

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/uploads")
def uploads() -> Response:
    with closing(sqlite3.connect(UPLOADS)) as database:
        database.row_factory = sqlite3.Row
        columns = "object, size, mimeType, width, height, requestId, user"
        rows = database.execute(f"SELECT {columns} FROM uploads ORDER BY id DESC LIMIT 100")
        return JSONResponse({"uploads": [dict(row) for row in rows]}, headers=ANY_ORIGIN)


@app.get("/{path:path}")
def policy(user: str = "guest") -> Response:
    # A real application takes the user from its session: here anybody can be anybody.
    if not re.fullmatch("[a-z0-9_-]{1,32}", user):
        error = {"code": "InvalidUser", "message": "user has 1 to 32 of a-z, 0-9, _ and -"}
        return JSONResponse({"error": error}, 400, ANY_ORIGIN)
    directory = f"uploads/{user}/"
    expiration = datetime.now(timezone.utc) + timedelta(seconds=300)
    expires = binding.expires_after(expiration)
    permitted = binding.make(Permission(BUCKET, expires, prefix=directory, user=user))
    callback_parameter = CallbackParameter(CALLBACK_URL, CALLBACK_BODY + permitted).encode()
    document = (
        PolicyBuilder(expiration)
        .bucket(BUCKET)
        .starts_with("key", directory)
        .content_length_range(0, 104857600)
        .not_in("x-oss-object-acl", ["public-read", "public-read-write"])
        # Without these two a page could leave out the callback, or ask for another answer.
        .equals("callback", callback_parameter)
        .equals("success_action_status", "200")
        .build()
    )
    signed = SignedPolicy.v1(KEY_ID, KEY_SECRET, document)
    signed = signed.host(HOST).dir(directory).callback(callback_parameter)
    headers = {**ANY_ORIGIN, "Cache-Control": "no-store"}
    return Response(signed.to_json(), media_type="application/json", headers=headers)


@app.options("/{path:path}")
def preflight() -> Response:
    allowed = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "*"}
    return Response(status_code=204, headers={**ANY_ORIGIN, **allowed})


# Takes the Request alone: a parameter made of the body would have read it as something else.
@app.post("/{path:path}")
async def uploaded(request: Request) -> Response:
    if asgi.target(request.scope) != callback_target.encode():
        return JSONResponse({"Status": "not found"}, 404)
    try:
        # uvicorn itself would wait for a body for ever.
        callback = await asyncio.wait_for(asgi.verify_request(verifier, request), 10)
    except (ClientDisconnect, asyncio.TimeoutError):
        return JSONResponse({"Status": "body broken off"}, 408)
    except BodyTooLarge:
        return JSONResponse({"Status": "body too large"}, 413)
    except VerifyError as error:
        print(f"callback refused: {error.code}: {error}", file=sys.stderr)
        words = {"binding": "not permitted", "body": "body not understood"}
        # 503 if only the key could not be had: after a 4xx upcall does not call again.
        return JSONResponse({"Status": words.get(error.part, "verify not ok")}, error.status)
    fields = callback.form()
    await run_in_threadpool(record, fields, callback.permission.user)
    return JSONResponse({"Status": "OK", "object": fields["object"]})


def record(fields: dict[str, str], user: str | None) -> None:
    """Keeps a row, once for each upload: a callback can come twice."""

    def value(name: str) -> str | int | None:
        text = fields.get(name) or None
        if name in ("size", "width", "height"):
            return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else None
        return text

    values = [*map(value, COLUMNS.split(", ")), user]
    with closing(sqlite3.connect(UPLOADS)) as database, database:
        marks = ", ".join("?" * len(values))
        database.execute(f"INSERT OR IGNORE INTO uploads ({COLUMNS}, user) VALUES ({marks})", values)


def main() -> None:
    with closing(sqlite3.connect(UPLOADS)) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS uploads (id INTEGER PRIMARY KEY, bucket TEXT, object TEXT,"
            " etag TEXT, size INTEGER, mimeType TEXT, width INTEGER, height INTEGER,"
            " requestId TEXT UNIQUE, user TEXT)"
        )
    # uvicorn shuts down, then raises the signal again: the end that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    try:
        listener = socket.create_server(("127.0.0.1", PORT))
    except OSError as error:
        sys.exit(f"PORT cannot be used: {error}")
    with listener:
        print(f"ready: http://127.0.0.1:{PORT}/", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
