"""What cannot be run as it stands, and how it is checked instead.

Everything that is not in this table is run as it is written, and must end with status 0.
"""

import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field

from documents import ROOT, Block
from form import as_curl
from walk import Walk


@dataclass(frozen=True)
class Run:
    """Run as it is written, after `before` has made what the reader would have by then.

    `in_place_of` has texts that stand for something that the reader does, and what to do instead.
    """

    before: Callable[[Walk], None] | None = None
    status: int = 0
    in_place_of: dict[str, str] = field(default_factory=dict)
    prints: str = ""

    def check(self, walk: Walk, block: Block, expected: str | None) -> None:
        if self.before is not None:
            self.before(walk)
        text = block.text
        for written, meant in self.in_place_of.items():
            assert written in text, (block.place, written)
            text = text.replace(written, meant)
        printed = walk.run(text, self.status, block.place)
        assert self.prints in printed, (block.place, printed)
        if expected is not None:
            walk.compare(expected, printed, block.place)


@dataclass(frozen=True)
class Cargo:
    """`cargo run … -- ARGUMENTS` is the built program with these arguments and free ports; a chore of
    `cargo xtask` is not run in a test of its own, but there must be one of this name with these flags."""

    def check(self, walk: Walk, block: Block, _expected: str | None) -> None:
        for line in block.text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:4] == ["cargo", "run", "--release", "--"]:
                walk.start_program(words[4:])
            elif words[:2] == ["cargo", "xtask"]:
                _has_chore(words[2], words[3:], block.place)
            else:
                assert (ROOT / words[0]).is_file(), (block.place, line)


def _has_chore(name: str, arguments: list[str], place: str) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "xtask/src").rglob("*.rs"))
    assert (ROOT / ".cargo/config.toml").read_text(encoding="utf-8").count("xtask ="), place
    for word in [name, *arguments]:
        if not word.isdigit():
            assert f'"{word}"' in source or f'"{word.removeprefix("--")}"' in source, (place, word)


@dataclass(frozen=True)
class Clone:
    """The repository's address is the one that the packages name; the tests run in what it gives."""

    def check(self, _walk: Walk, block: Block, _expected: str | None) -> None:
        address = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["repository"]
        folder = address.rpartition("/")[2]
        assert block.text == f"git clone {address} && cd {folder}\n", block.place


@dataclass(frozen=True)
class Example:
    """An application server: started as it is written, and left running; the former one ends."""

    host: str | None = None

    def check(self, walk: Walk, block: Block, _expected: str | None) -> None:
        policy = walk.start_application(block.text)
        if self.host is not None:
            assert policy["host"] == self.host, (block.place, policy["host"])


@dataclass(frozen=True)
class Serve:
    """`upcall serve`: started with a data folder and ports of the test's own."""

    def check(self, walk: Walk, block: Block, _expected: str | None) -> None:
        words = shlex.split(block.text.replace("\\\n", " "))
        assert words[0] == "upcall", block.place
        folder = words.index("--data") + 1
        walk.start_program([*words[1:folder], str(walk.folder / "served"), *words[folder + 1 :]])


def upload_that_is_refused(walk: Walk) -> None:
    """A callback that names its bucket twice: the examples answer 400."""
    answer = walk.upload("uploads/eric/cat.jpg", walk.application_url, body="bucket=${bucket}&bucket=b")
    assert answer.status_code == 203, answer.text


def upload_that_is_agreed_to(walk: Walk) -> None:
    answer = walk.upload("uploads/eric/cat.jpg", walk.application_url)
    assert answer.status_code == 200, answer.text


def named_upload(walk: Walk) -> None:
    name = "0d4f5a5e-8c4e-4a9d-9a55-2f8f4a1b7a33"
    answer = walk.upload("cat.jpg", walk.application_url, {"idempotency-key": name})
    assert answer.status_code == 200, answer.text


def received(change: Callable[[str], str]) -> Callable[[Walk], None]:
    """`received.txt`, as an application behind something that changes requests would write it."""

    def write(walk: Walk) -> None:
        sent = (walk.folder / "sent.txt").read_text(encoding="utf-8")
        changed = change(sent)
        assert changed != sent
        (walk.folder / "received.txt").write_text(changed, encoding="utf-8")

    return write


def waiting_for_a_call(walk: Walk) -> None:
    """`admin` and `auth` as the page has them, and the form of an upload."""
    form = shlex.join(as_curl(walk.form("cat.jpg", walk.application_url), "cat.jpg"))
    names = 'admin=http://127.0.0.1:8702; auth="Authorization: Bearer $(cat upcall-data/admin-secret)"'
    walk.run(f"{names}\nform=({form})\n", 0, "docs/admin.md")


UPLOAD = 'curl -fsS http://127.0.0.1:8700/photos/ "${form[@]}"'
VERIFY = "upcall callback verify"
_DNV = "docs/guides/does-not-verify.md"
# Document, heading, how the block begins.
TABLE: dict[tuple[str, str, str], object] = {
    ("README.md", "upcall", "cargo run"): Cargo(),
    ("CONTRIBUTING.md", "Two commands", "cargo xtask test"): Cargo(),
    ("CONTRIBUTING.md", "Two commands", "cargo xtask bench"): Cargo(),
    ("docs/benchmarks.md", "Benchmarks", "cargo xtask bench"): Cargo(),
    ("docs/benchmarks.md", "Callbacks", "cargo xtask bench"): Cargo(),
    ("docs/guides/first-upload.md", "1. Get it", "git clone"): Clone(),
    ("docs/guides/first-upload.md", "2. Start storage", "cargo run"): Cargo(),
    ("docs/guides/first-upload.md", "3. Start your application server", "set -a"): Example(),
    ("docs/guides/moving.md", "Two settings", "set -a"): Example(),
    ("docs/guides/moving.md", "Two settings", "export OSS_HOST="): Example(
        host="https://photos.oss-cn-hangzhou.aliyuncs.com"
    ),
    ("docs/guides/proxies.md", "Storage behind a proxy", "upcall serve"): Serve(),
    ("docs/callbacks.md", "The answer was missed", "curl"): Run(named_upload, prints='"Status":"OK"'),
    ("docs/admin.md", "Callbacks", "since="): Run(
        waiting_for_a_call, in_place_of={"# … upload …": UPLOAD}, prints='"key":"cat.jpg"'
    ),
    (_DNV, "My callback does not verify", "upcall callback list"): Run(upload_that_is_refused),
    (_DNV, "Write down what arrived", "id="): Run(upload_that_is_agreed_to),
    (_DNV, "2. The key's address", f"{VERIFY} sent.txt"): Run(status=1),
    (_DNV, "3. The raw body", VERIFY): Run(received(lambda text: text.replace("%2F", "/")), 1),
    (_DNV, "4. The path", VERIFY): Run(received(lambda text: text.replace("/callback", "/", 1)), 1),
    (_DNV, "5. The proxy", VERIFY): Run(
        received(lambda text: re.sub("(?im)^authorization:.*\n", "", text, count=1)), 1
    ),
    ("docs/guides/what-a-page-can-lie-about.md", "What your policy leaves open", "upcall policy lint"): Run(
        status=1
    ),
}


def entry(block: Block) -> tuple[str, str, str] | None:
    """The entry of the table that says something of this block."""
    fitting = [
        key
        for key in TABLE
        if key[:2] == (block.document, block.heading) and block.first_line.startswith(key[2])
    ]
    assert len(fitting) <= 1, (block.place, fitting)
    return fitting[0] if fitting else None
