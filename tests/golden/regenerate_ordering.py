"""Write the expected outcome of every golden case anew. Run it on purpose, then read the difference:

.venv/bin/python tests/golden/regenerate_ordering.py [CASE...]
"""

from __future__ import annotations

import sys

from ordering_outcome import CASES, MAPPINGS, cases, outcome, written


def main() -> None:
    for case in sys.argv[1:] or cases():
        for mapping in MAPPINGS:
            (CASES / case / f"{mapping}.json").write_bytes(written(outcome(case, mapping)))


if __name__ == "__main__":
    main()
