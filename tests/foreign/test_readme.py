"""The command lines in the README, run as they are written there."""

import re
import shlex
import subprocess
import urllib.parse

import pytest
import requests

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def curl_blocks() -> list[str]:
    return [block for block in blocks("sh") if "curl" in block]


def test_there_is_an_upload_to_try():
    assert any("-F file=@" in block for block in curl_blocks())


@pytest.mark.parametrize("script", curl_blocks())
def test_a_script_with_curl_works_as_it_is_written(script, dev, tmp_path):
    """Only the ports are others than those that `dev` takes when it may choose."""
    for default, actual in [("8700", dev.storage), ("8701", dev.app)]:
        script = script.replace(f"127.0.0.1:{default}", urllib.parse.urlsplit(actual).netloc)
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xd9 hardly a cat")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    assert "cat.jpg" in done.stdout, (shlex.quote(script), done.stdout, done.stderr)
    uploads = requests.get(f"{dev.app}/uploads", timeout=10).text
    assert "cat.jpg" in uploads
