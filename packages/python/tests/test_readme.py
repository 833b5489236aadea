"""Every snippet of the README runs as it stands."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from importlib.metadata import distributions
from pathlib import Path

import pytest

from servers import running_gunicorn, running_uvicorn, running_wsgiref
from upcall import Binding
from upcall.testing.upload import post_form

PACKAGE = Path(__file__).resolve().parents[1]
SNIPPETS = dict(
    re.findall(
        r"^```python\n# (\w+\.py)\n(.*?)^```$", (PACKAGE / "README.md").read_text(), re.M | re.S
    )
)
FORM = {"object": "user/eric/cat.jpg"}


def load(name):
    """The names that a snippet defines."""
    names = {"__name__": name.removesuffix(".py")}
    exec(compile(SNIPPETS[name], name, "exec"), names)
    return names


def test_each_snippet_is_used_here():
    used = {
        "app.py",
        "flask_app.py",
        "views.py",
        "test_receiver.py",
        "conftest.py",
        "test_uploads.py",
    }
    assert set(SNIPPETS) == used
    assert (PACKAGE / "README.md").read_text().count("```python") == len(used)


def test_the_application_server_signs_what_a_page_can_upload(upcall_bucket, monkeypatch):
    settings = upcall_bucket.env("http://127.0.0.1:1/callback")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with running_uvicorn(load("app.py")["app"]) as port:
        # The address is known only now, so the application is loaded again with it.
        monkeypatch.setenv("CALLBACK_URL", f"http://127.0.0.1:{port}/callback")
        signing = load("app.py")["app"]
        with running_uvicorn(signing) as other:
            with urllib.request.urlopen(f"http://127.0.0.1:{other}/policy") as answer:
                policy = json.load(answer)
        fields = {
            "key": policy["dir"] + "${filename}",
            "policy": policy["policy"],
            "OSSAccessKeyId": policy["accessid"],
            "Signature": policy["signature"],
            "callback": policy["callback"],
        }
        answer = post_form(policy["host"], fields.items(), b"meow", file_name="cat.jpg")
        assert (answer.status, answer.json()) == (200, {"Status": "OK", **FORM})
        without = {name: value for name, value in fields.items() if name != "callback"}
        assert post_form(policy["host"], without.items(), b"meow").status == 403
        form = upcall_bucket.wait_for_callback().form()
        binding = form.pop("binding")
        assert form == {"bucket": upcall_bucket.name, **FORM, "size": "4"}
        permission = Binding(settings["OSS_ACCESS_KEY_SECRET"]).verify(
            binding, bucket=upcall_bucket.name, object=FORM["object"]
        )
        assert (permission.prefix, permission.user) == ("user/eric/", "eric")


def test_the_flask_receiver(upcall_client, monkeypatch):
    monkeypatch.setenv("CALLBACK_KEY_URLS", upcall_client.key_url)
    with running_wsgiref(load("flask_app.py")["app"]) as port:
        url = f"http://127.0.0.1:{port}/callback"
        assert upcall_client.send(url, FORM).json() == {"Status": "OK", **FORM}
        assert upcall_client.send(url, FORM, tamper="body").status == 400


def test_the_django_view(upcall_client, tmp_path):
    (tmp_path / "views.py").write_text(SNIPPETS["views.py"])
    (tmp_path / "project.py").write_text(
        "import django\n"
        "from django.conf import settings\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "from django.urls import path\n"
        f"settings.configure(ROOT_URLCONF='project', CALLBACK_KEY_URLS={upcall_client.key_url!r},\n"
        "    SECRET_KEY='x', ALLOWED_HOSTS=['*'])\n"
        "django.setup()\n"
        "import views\n"
        "urlpatterns = [path('callback', views.uploaded)]\n"
        "application = get_wsgi_application()\n"
    )
    with running_gunicorn("project:application", "--pythonpath", str(tmp_path)) as port:
        url = f"http://127.0.0.1:{port}/callback"
        assert upcall_client.send(url, FORM).json() == {"Status": "OK", **FORM}
        assert upcall_client.send(url, FORM, tamper="body").status == 400


def test_the_tests_that_it_shows_pass(upcall_server, tmp_path):
    if not upcall_server.is_double:
        pytest.skip("this upcall answers `GET /v1/faults` with another status than 200")
    for name in ["flask_app.py", "test_receiver.py", "conftest.py", "test_uploads.py"]:
        (tmp_path / name).write_text(SNIPPETS[name])
    settings = {
        "PYTHONPATH": str(PACKAGE / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    plugin = [] if is_installed() else ["-p", "upcall.testing.plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, *plugin, "."],
        cwd=tmp_path,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout


def is_installed():
    return any(distribution.metadata["Name"] == "upcall" for distribution in distributions())
