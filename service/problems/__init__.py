"""Errors as RFC 9457 problems: the responses, the handlers, their documentation."""
