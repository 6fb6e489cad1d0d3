"""HTTP as bytes: what is no request is answered with a problem, too."""

from typing import final
from uuid import uuid4

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.problems.responses import problem_response


@final
class Protocol(H11Protocol):
    """Answers bytes that cannot be read as a request, before an application does."""

    @override
    def send_400_response(self, msg: str) -> None:
        """Writes the answer and closes the connection."""
        request_id = f"req_{uuid4().hex}"
        answer = problem_response(
            {"path": "/", "state": {"request_id": request_id}},
            status=400,
            code="request_malformed",
            title="The request is malformed",
            detail="This is not a request as HTTP defines it",
            headers={"Connection": "close", "X-Request-Id": request_id},
        )
        headers = b"".join(
            b"%b: %b\r\n" % (name, value) for name, value in answer.raw_headers
        )
        head = b"HTTP/1.1 400 Bad Request\r\n" + headers + b"\r\n"
        self.transport.write(head + bytes(answer.body))
        self.transport.close()
