"""Pages that say the same as something else: translations, quoted configurations, links."""

import re
import urllib.parse

import pytest

from documents import ROOT, TRANSLATIONS, blocks, documents
from walk import EXAMPLES

PROXIES = ROOT / "docs/guides/proxies"
QUOTED = {"nginx": "nginx.conf", "apache": "apache.conf", "caddy": "Caddyfile"}
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize(("translation", "original"), TRANSLATIONS.items())
def test_a_translation_has_the_blocks_of_its_original(translation, original):
    def of(document):
        return [(block.language, block.text) for block in blocks(document)]

    assert of(translation) == of(original)
    assert [depth for depth, _ in headings(translation)] == [depth for depth, _ in headings(original)]


@pytest.mark.parametrize(("language", "file"), QUOTED.items())
def test_the_guide_quotes_the_configuration_that_is_run(language, file):
    """`tests/proxies` runs the files. The guide has all of each but the lines at its beginning."""
    text = (PROXIES / file).read_text(encoding="utf-8")
    quotes = [block for block in blocks("docs/guides/proxies.md") if block.language == language]
    for quote in quotes:
        assert quote.text in text, quote.place
    quoted = {line.strip() for quote in quotes for line in quote.text.splitlines()}
    head = text.partition("\n\n")[0]
    left_out = [line for line in text.removeprefix(head).splitlines() if line.strip() not in quoted | {""}]
    assert left_out == []


@pytest.mark.parametrize("document", [*documents(), *TRANSLATIONS])
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        target, _, fragment = link.partition("#")
        if urllib.parse.urlsplit(link).scheme:
            continue
        path = ((ROOT / document).parent / target).resolve() if target else ROOT / document
        if path.is_relative_to(ROOT / "examples"):
            path = EXAMPLES / path.relative_to(ROOT / "examples")
        assert path.exists(), (document, link)
        if fragment and path.suffix == ".md":
            names = [anchor(title) for _, title in headings(str(path.relative_to(ROOT)))]
            assert fragment in names, (document, link, names)


def headings(document: str) -> list[tuple[int, str]]:
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [(len(found[1]), found[2].strip()) for found in re.finditer(r"(?m)^(#+) (.*)$", text)]


def anchor(title: str) -> str:
    """As the web page of a repository names a heading."""
    title = re.sub(r"[^\w\- ]", "", title.lower())
    return title.replace(" ", "-")
