"""The OpenAPI document of this code."""

import json

from service.app import create_app
from service.settings import Settings


def document() -> str:
    """The document as it is committed."""
    return json.dumps(create_app(Settings()).openapi(), indent=2) + "\n"
