"""What may go wrong with a request."""

import httpx

from service.schemas.problem_details import ProblemDetails


class Refused(Exception):
    """The server answered with a problem.

    Attributes:
        problem: What it says.
    """

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Unreachable(Exception):
    """There is no answer, or none that makes sense."""


def check(response: httpx.Response) -> None:
    """Checks that an answer is a success.

    Raises:
        Refused: If it is a problem.
        Unreachable: If it makes no sense.
    """
    if response.is_success:
        return
    try:
        raise Refused(ProblemDetails.model_validate_json(response.content))
    except ValueError as error:
        raise Unreachable(
            f"{response.url} answered {response.status_code}, and not as gradflat does"
        ) from error


def reason(error: httpx.HTTPError, url: httpx.URL) -> str:
    """Says why there is no answer."""
    return f"no answer from {url}: {error or type(error).__name__}"
