"""The OpenAPI document: ``python -m service.openapi > openapi/openapi.json``."""

import json
import sys

from service.app import create_app
from service.settings import Settings


def document() -> str:
    """The document as it is committed."""
    return json.dumps(create_app(Settings()).openapi(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
