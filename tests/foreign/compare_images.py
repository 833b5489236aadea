"""Compares the server's reader of pictures with Pillow and pillow-heif, over any files.

`find / -xdev -name '*.png' | UPCALL=target/debug/upcall python tests/foreign/compare_images.py`
prints every file of which they say different things, and how many there were.
"""

import sys
import warnings
from pathlib import Path

from PIL import Image

from images import Facts, independent
from test_images import read


def said(path: Path) -> Facts:
    try:
        return independent(path)
    except (OSError, SyntaxError, ValueError, KeyError):
        return Facts(None, None, None)


def main() -> int:
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    paths = [Path(line.rstrip("\n")) for line in sys.stdin]
    different = 0
    for path, ours in zip(paths, read(paths), strict=True):
        others = said(path)
        if ours != others:
            different += 1
            print(f"{path}: {ours}, others: {others}")
    print(f"{len(paths)} files, {different} disagreements")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
