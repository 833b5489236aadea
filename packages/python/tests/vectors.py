"""The tables of test vectors that every language's package reads."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "crates/upcall/tests/vectors"


def table(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))
