"""The contract: written from the code, and compared with an earlier one."""

from service.openapi.document import document

__all__ = ["document"]
