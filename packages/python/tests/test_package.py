"""The package as pip installs it: what is in it, its types, and the plugin that pytest finds."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package in it, and nothing else of this tree."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "flit_core.wheel", "--outdir", folder, PACKAGE]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "lib")
    return folder / "lib"


def run(installed, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UPCALL")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=installed,
        env={**clean, "PYTHONPATH": str(installed), **environment},
        capture_output=True,
        text=True,
    )


def test_everything_is_in_it_and_nothing_is_needed(installed):
    sources = {str(path.relative_to(PACKAGE / "src")) for path in (PACKAGE / "src").rglob("*.py")}
    packed = {str(path.relative_to(installed)) for path in installed.rglob("*.py")}
    assert packed == sources
    assert (installed / "upcall/py.typed").exists()
    [metadata] = installed.glob("upcall-*.dist-info/METADATA")
    assert "Requires-Dist" not in metadata.read_text()
    # Without any package of this environment: -S leaves site-packages out.
    done = run(installed, "-S", "-c", "import upcall.asgi, upcall.wsgi, upcall.testing.client")
    assert done.returncode == 0, done.stderr


def test_its_types_hold():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", os.devnull],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_examples_in_its_docstrings_hold():
    import doctest

    import upcall.callback_parameter
    import upcall.key_url
    import upcall.policy
    import upcall.signed_policy

    for module in [
        upcall.callback_parameter,
        upcall.key_url,
        upcall.policy,
        upcall.signed_policy,
    ]:
        result = doctest.testmod(module)
        assert result.attempted > 0 and result.failed == 0, module.__name__


def test_pytest_finds_the_plugin_and_a_test_without_a_server_fails(installed):
    (installed / "test_it.py").write_text("def test_it(upcall_bucket): pass\n")
    missing = str(installed / "missing")
    flags = ["-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "test_it.py"]
    done = run(installed, *flags, UPCALL=missing)
    assert "1 error" in done.stdout, done.stdout
    assert f"`UPCALL` is '{missing}', which is no program that can be run" in done.stdout
