"""The commands of README and guides, run in their order, as a reader would."""

import pytest
import requests

from checks import TABLE, Run, entry
from documents import ROOT, TRANSLATIONS, blocks, commands, documents
from walk import Walk

WITH_COMMANDS = [document for document in documents() if commands(document)]
# These start what they need themselves.
FROM_NOTHING = {
    *("README.md", "CONTRIBUTING.md", "docs/benchmarks.md"),
    *("docs/guides/first-upload.md", "docs/guides/proxies.md"),
}
DEV = ["dev", "--app-url", "http://127.0.0.1:3000/callback", "--env-file", ".env"]
# What a page says of the terminal in which `dev` runs.
SHOWN_BY_DEV = {"docs/guides/first-upload.md": ["callback  agreed  photos/uploads/eric/cat.jpg"]}
APPLICATION = "set -a; . ./.env; set +a; examples/python/run"


@pytest.fixture
def walk(tmp_path):
    walk = Walk(tmp_path / "upcall")
    yield walk
    walk.close()


@pytest.mark.parametrize("document", WITH_COMMANDS)
def test_the_commands_do_what_the_page_says(document, walk):
    if document not in FROM_NOTHING:
        walk.start_program(DEV)
        walk.start_application(APPLICATION)
    for block, expected in commands(document):
        how = TABLE.get(entry(block), Run())
        how.check(walk, block, expected)
    for line in SHOWN_BY_DEV.get(document, []):
        assert line in walk.said()


def test_the_page_of_the_first_upload_is_served(walk):
    guide = (ROOT / "docs/guides/first-upload.md").read_text(encoding="utf-8")
    page = "http://127.0.0.1:8701/examples/server-callback/"
    assert page in guide
    walk.start_program(DEV)
    assert requests.get(walk.here(page), timeout=10).status_code == 200


def test_the_first_upload_takes_four_commands():
    """One of each: get it, start storage, start the application, upload."""
    numbered = [
        block for block, _ in commands("docs/guides/first-upload.md") if block.heading[:1].isdigit()
    ]
    assert [block.heading[:2] for block in numbered] == ["1.", "2.", "3.", "4."]


def test_nothing_in_the_table_is_out_of_date():
    used = {entry(block) for document in documents() for block, _ in commands(document)}
    assert set(TABLE) == used - {None}


def test_no_command_of_readme_and_guides_hides_from_these_tests():
    """What looks like commands is marked as such, and what is printed stands below them."""
    known = {"sh", "text", "mermaid", "nginx", "apache", "caddy"}
    for document in documents():
        if document == "README.md" or document.startswith("docs/guides/"):
            for block in blocks(document):
                assert block.language in known, (block.place, block.language)
                if block.language == "text":
                    assert any(shown == block.text for _, shown in commands(document)), block.place


def test_readme_has_an_upload_to_try():
    assert any("-F file=@" in block.text for block, _ in commands("README.md"))


def test_every_page_is_looked_at():
    assert {"README.md", "docs/guides/first-upload.md"} <= set(WITH_COMMANDS)
    assert all((ROOT / page).is_file() for pair in TRANSLATIONS.items() for page in pair)
