"""Format and size of pictures: what the server reads, against Pillow and pillow-heif."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import images
from images import Facts


def read(paths: list[Path]) -> list[Facts]:
    """What the server's reader says of these files."""
    program = Path(os.environ["UPCALL"]).parent / "examples/image_facts"
    lines = "".join(f"{path}\n" for path in paths)
    run = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    read = [json.loads(line) for line in run.stdout.splitlines()]
    return [Facts(line["format"], line["width"], line["height"]) for line in read]


@pytest.mark.parametrize("kind", images.WRITERS)
def test_pictures_have_the_size_that_others_read(kind, tmp_path):
    paths = images.write(tmp_path, kind)
    assert len(paths) >= 12, "hardly anything was written"
    wanted = {path.name: images.independent(path) for path in paths}
    assert dict(zip(wanted, read(paths), strict=True)) == wanted
