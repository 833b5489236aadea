"""Where the helpers of these tests are."""

import sys
from pathlib import Path

for folder in ("common", "proxies", "foreign"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / folder))
