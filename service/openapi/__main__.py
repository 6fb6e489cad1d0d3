"""Prints the contract: ``python -m service.openapi > openapi/openapi.json``.

``python -m service.openapi breaking openapi/released.json`` prints what the contract
breaks of an earlier one, and ends with 1 if there is anything.
"""

import json
import sys
from pathlib import Path

from service.openapi.changes import breaking_changes
from service.openapi.document import document


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    if not arguments:
        sys.stdout.write(document())
        return 0
    earlier = json.loads(Path(arguments[-1]).read_text())
    changes = breaking_changes(earlier, json.loads(document()))
    sys.stdout.writelines(f"{change}\n" for change in changes)
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
