"""What each proxy does wrong with the few lines that most pages on the web say.

It is what the guide warns of; and where one of these fails, a line of the guide's files has lost its
reason.
"""

import pytest
import requests

from client import Client
from form import as_curl
from ports import free_port
from proxy import guide_file
from receiver import is_genuine
from sites import APPLICATION_SITE, BUCKET, BUCKET_SITE

MIB = 1 << 20
NGINX = "server {{ listen 127.0.0.1:{port}; {server} location {location} {{ proxy_pass http://{to}; }} }}"
APACHE = '<VirtualHost *:{port}>\n{server}\nProxyPass "/" "http://{to}/" {flags}\n</VirtualHost>'
CADDY = "http:// {{\n{directive} {{\nreverse_proxy {to}\n}}\n}}"


@pytest.fixture
def simple(start_proxy):
    """Starts a proxy with a template from above, and gives its address."""

    def start(name: str, template: str, to: str, **words: str) -> str:
        port = free_port()
        words = {"server": "", "location": "/", "flags": "", "directive": "handle", **words}
        start_proxy(name, template.format(port=port, to=to, **words), port)
        return f"http://127.0.0.1:{port}"

    return start


def upload(address: str, storage, callback: dict | None = None, **others):
    fields = {"key": "user/a.txt", **storage.fields(callback)}
    files = {"file": others.get("file", b"a small file")}
    path = others.get("path", f"/{BUCKET}/")
    return requests.post(address + path, data=fields, files=files, headers=others.get("headers"), timeout=20)


def called(storage, application, url: str):
    """What arrives of a callback to `url`."""
    callback = {"callbackUrl": url, "callbackBody": "object=${object}"}
    assert upload(f"http://{storage.address}", storage, callback).status_code == 200
    return application.call()


def test_nginx_refuses_what_is_larger_than_a_mebibyte(simple, storage):
    answer = upload(simple("nginx", NGINX, storage.address), storage, file=bytes(MIB + 1))
    assert answer.status_code == 413
    assert "x-oss-request-id" not in answer.headers


@pytest.mark.parametrize(("name", "template"), [("nginx", NGINX), ("apache", APACHE)])
def test_the_bucket_is_lost_with_the_host(simple, storage, name, template):
    answer = upload(simple(name, template, storage.address), storage, headers={"Host": BUCKET_SITE}, path="/")
    assert answer.status_code >= 400
    assert "x-oss-request-id" in answer.headers


def test_caddy_passes_the_host_on(simple, storage):
    answer = upload(simple("caddy", CADDY, storage.address), storage, headers={"Host": BUCKET_SITE}, path="/")
    assert answer.status_code == 200


def test_nginx_takes_all_of_a_file_before_storage_sees_any(simple, storage, tmp_path, authority):
    with open(tmp_path / "file.bin", "wb") as file:
        file.truncate(12 * MIB)
    address = simple("nginx", NGINX, storage.address, server="client_max_body_size 0;")
    form = as_curl({"key": "elsewhere/a", **storage.fields()}, str(tmp_path / "file.bin"))
    client = Client(int(address.rpartition(":")[2]), authority.certificate)

    status, sent, _ = client.curl(f"{address}/{BUCKET}/", *form, "--limit-rate", "12M")

    assert (status, sent > 12 * MIB) == (403, True)


@pytest.mark.parametrize(
    ("target", "arrives_as", "verifies"),
    [
        ("/two//slashes", "/two/slashes", False),
        ("/a/../b", "/b", False),
        ("/callback?", "/callback", False),
        ("/a%2Fb", "/a/b", True),
        ("/%41", "/A", True),
    ],
)
def test_nginx_rewrites_the_path_if_the_address_ends_in_a_slash(
    simple, storage, application, target, arrives_as, verifies
):
    """What is signed is the decoded path: some of that does not show, until it does."""
    proxy = simple("nginx", NGINX, application.url("/").removeprefix("http://"))
    call = called(storage, application, proxy + target)
    assert (call.target, is_genuine(call, storage.public_key_url)) == (arrives_as, verifies)


def test_nginx_takes_a_prefix_away_if_the_address_ends_in_a_slash(simple, storage, application):
    proxy = simple("nginx", NGINX, application.url("/").removeprefix("http://"), location="/api/")
    call = called(storage, application, f"{proxy}/api/callback")
    assert (call.target, is_genuine(call, storage.public_key_url)) == ("/callback", False)


@pytest.mark.parametrize(
    ("target", "arrives_as", "verifies"),
    [("/two//slashes", "/two/slashes", False), ("/a/../b", "/b", False), ("/[]", "/%5B%5D", True)],
)
def test_apache_rewrites_the_path_without_nocanon(simple, storage, application, target, arrives_as, verifies):
    proxy = simple("apache", APACHE, application.url("").removeprefix("http://"))
    call = called(storage, application, proxy + target)
    assert (call.target, is_genuine(call, storage.public_key_url)) == (arrives_as, verifies)


def test_apache_has_no_encoded_slashes_unless_it_is_told(simple, storage, application):
    to = application.url("").removeprefix("http://")
    proxy = simple("apache", APACHE, to, flags="nocanon")
    callback = {"callbackUrl": f"{proxy}/a%2Fb", "callbackBody": "object=${object}"}
    answer = upload(f"http://{storage.address}", storage, callback)
    assert answer.status_code == 203
    assert "Error status : 404." in answer.text
    assert application.is_idle()


def test_caddy_takes_a_prefix_away_with_handle_path(simple, storage, application):
    to = application.url("").removeprefix("http://")
    proxy = simple("caddy", CADDY, to, directive="handle_path /api/*")
    call = called(storage, application, f"{proxy}/api/callback")
    assert (call.target, is_genuine(call, storage.public_key_url)) == ("/callback", False)


def test_caddy_asks_for_gzip_and_loses_the_length(simple, storage, compressing):
    proxy = simple("caddy", CADDY, compressing)
    answer = upload(
        f"http://{storage.address}", storage, {"callbackUrl": f"{proxy}/", "callbackBody": "object=${object}"}
    )
    assert answer.status_code == 203
    assert "User server missing content-length." in answer.text


@pytest.mark.parametrize(
    ("name", "line"), [("nginx", " default_server"), ("caddy", "\tdefault_sni localhost\n")]
)
def test_a_call_without_a_server_name_gets_another_sites_certificate(
    start_proxy, storage, upstreams, authority, name, line
):
    port = free_port()
    site = guide_file(name, port, upstreams, authority.certificate.parent)
    assert line in site
    start_proxy(name, site.replace(line, ""), port)
    callback = {"callbackUrl": f"https://{APPLICATION_SITE}:{port}/", "callbackBody": "object=${object}"}

    answers = [
        upload(f"http://{storage.address}", storage, {**callback, "callbackSNI": sni}).status_code
        for sni in (False, True)
    ]

    assert answers == [203, 200]
