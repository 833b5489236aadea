"""Every request of the shared table, sent byte for byte through real servers."""

import pytest

import django_app
from servers import (
    asgi_receiver,
    running_gunicorn,
    running_uvicorn,
    running_wsgiref,
    verdict,
    wsgi_receiver,
)
from vectors import body_of, table

# The receivers have the table's own list of addresses.
CASES = [case for case in table("verify.json")["cases"] if "keyUrls" not in case]

# Whether there is a `?` before an empty query is told neither by ASGI nor by WSGI without
# REQUEST_URI: a callback signed with it is refused, and one signed without it passes with it, which
# says the same to an application.
LOST_MARK = {
    "an empty query keeps its mark": "signature",
    "the real service: negative-stray-question-mark": None,
}
# httptools takes the path out of an absolute target and drops a fragment: that is not what was
# signed.
RELATIVE = {
    "a target that is no path": "signature",
    "a fragment behind the path": "signature",
    "a fragment behind the query": "signature",
}
# They answer 400 themselves.
NO_CONTROLS = {"a control byte behind the signature": 400}
# PATH_INFO is decoded, so that a fragment looks like `%23`; a header's name is folded by CGI's rule,
# and its value stripped of what Python takes for white space.
CGI = {
    "a fragment behind the path": None,
    "a header with underscores is another header": None,
    "a control byte behind the signature": None,
}
# It drops headers with underscores, so that none is doubled by them.
NO_UNDERSCORES = {
    "a second key url, with underscores": None,
    "a second signature version, with underscores": None,
}
# Django has no view for what does not begin with a slash.
NO_VIEW = {"a target that is no path": 404}

SERVERS = {
    "uvicorn-h11": (lambda: running_uvicorn(asgi_receiver, http="h11"), LOST_MARK),
    "uvicorn-httptools": (
        lambda: running_uvicorn(asgi_receiver, http="httptools"),
        {**LOST_MARK, **RELATIVE, **NO_CONTROLS},
    ),
    "wsgiref": (lambda: running_wsgiref(wsgi_receiver), {**LOST_MARK, **CGI}),
    "gunicorn": (lambda: running_gunicorn("servers:wsgi_receiver"), {**NO_CONTROLS, **NO_UNDERSCORES}),
    "django-wsgiref": (
        lambda: running_wsgiref(django_app.wsgi()),
        {**LOST_MARK, **NO_VIEW, **CGI},
    ),
    "django-gunicorn": (lambda: running_gunicorn("django_app:wsgi()"), {**NO_CONTROLS, **NO_UNDERSCORES}),
    "django-uvicorn": (
        lambda: running_uvicorn(django_app.asgi(), http="h11"),
        {**LOST_MARK, **NO_VIEW},
    ),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_gives_the_verdicts_of_the_table(server):
    start, otherwise = SERVERS[server]
    with start() as port:
        verdicts = {case["name"]: verdict(port, case, body_of(case)) for case in CASES}
    assert verdicts == {case["name"]: otherwise.get(case["name"], case["error"]) for case in CASES}
