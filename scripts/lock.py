"""Write `requirements/*.txt`: every package pinned with hashes, for every platform, without the name of any index.

Run by `make lock`, with uv installed beside it. The runtime set takes its versions from the dev set, so that what is tested
is what is shipped.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ("--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--quiet")


def main() -> int:
    """Resolve both sets; return the exit code."""
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    sets = (
        ("dev", ["--extra", "dev", "--extra", "install"]),
        ("runtime", ["--extra", "install", "--constraint", "requirements/dev.txt"]),
    )
    for name, extras in sets:
        output = f"requirements/{name}.txt"
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *OPTIONS, *extras, *upgrade]
        # Also the oldest Python that is supported is served by the same file.
        subprocess.run([*command, "--python-version", "3.11", "--output-file", output], check=True, cwd=ROOT)
        print(f"wrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
