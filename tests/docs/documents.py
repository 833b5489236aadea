"""The fenced blocks of the project's pages: where each stands, its language and its text."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A translation and its original. Their blocks are the same, so that the original's are run.
TRANSLATIONS = {
    "README.zh.md": "README.md",
    "docs/guides/zh/first-upload.md": "docs/guides/first-upload.md",
    "docs/guides/zh/moving.md": "docs/guides/moving.md",
}


@dataclass(frozen=True)
class Block:
    document: str
    heading: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]


def documents() -> list[str]:
    """Every page of ours but the translations, as paths from the root."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path for page in pages if (path := str(page.relative_to(ROOT))) not in TRANSLATIONS)


def blocks(document: str) -> list[Block]:
    found: list[Block] = []
    heading, opened, language, text = "", None, "", []
    for number, line in enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), 1):
        if opened is not None:
            if line.strip() == "```":
                found.append(Block(document, heading, opened, language, "".join(text)))
                opened = None
            else:
                text.append(line + "\n")
        elif fence := re.fullmatch(r"\s*```(\S*)", line):
            opened, language, text = number, fence[1], []
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    assert opened is None, f"{document}:{opened}: the block has no end"
    return found


def commands(document: str) -> list[tuple[Block, str | None]]:
    """The blocks of commands, each with what the page says that it prints, if it says so."""
    of_document = blocks(document)
    return [
        (block, following.text if following is not None and following.language == "text" else None)
        for block, following in zip(of_document, [*of_document[1:], None])
        if block.language == "sh"
    ]
