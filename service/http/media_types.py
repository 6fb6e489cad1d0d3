"""Media types and codings of bodies (RFC 9110, sections 8.3 and 8.4)."""

from starlette.requests import Request

from service.errors import UnsupportedMediaType


def expect(request: Request, media_type: str, *, undeclared: str = "") -> None:
    """Refuses bodies of another type, and compressed ones.

    Args:
        request: Whose body it is.
        media_type: The only one that is taken.
        undeclared: What a body is that does not say what it is.

    Raises:
        UnsupportedMediaType: If it is declared to be something else.
    """
    declared = request.headers.get("content-type", undeclared).partition(";")[0]
    if declared.strip().lower() != media_type:
        raise UnsupportedMediaType(f"The body must be {media_type}")
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        raise UnsupportedMediaType("The body must not be compressed")
