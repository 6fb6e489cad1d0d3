"""What a new contract breaks for clients of an earlier one.

What clients may send, the new server must accept; what the new server sends, they must
understand. They pass over fields of answers that they do not know.
"""

from collections.abc import Iterator
from typing import Any

from service.openapi.schemas import Comparison, Node

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FIRST_ERROR = "4"


def breaking_changes(earlier: Node, current: Node) -> list[str]:
    """Returns one sentence for each change that breaks clients; none is the aim.

    Args:
        earlier: The OpenAPI document that clients know.
        current: The document of the server.
    """
    return [
        f"{method.upper()} {path}: {change}"
        for path, operations in earlier["paths"].items()
        for method in _METHODS
        if method in operations
        for change in _operation(
            earlier, operations[method], current, current["paths"].get(path, {}), method
        )
    ]


def _operation(
    earlier: Node, known: Node, current: Node, operations: Node, method: str
) -> Iterator[str]:
    operation = operations.get(method)
    if operation is None:
        yield "is gone"
        return
    if operation["operationId"] != known["operationId"]:
        yield f"is called {operation['operationId']}, not {known['operationId']}"
    if operation.get("security") != known.get("security"):
        yield "security changed"
    requests = Comparison(source=earlier, target=current, tolerant=False)
    yield from _parameters(requests, known, operation)
    yield from _body(requests, known.get("requestBody"), operation.get("requestBody"))
    answers = Comparison(source=current, target=earlier, tolerant=True)
    yield from _answers(answers, known["responses"], operation["responses"])


def _parameters(requests: Comparison, known: Node, operation: Node) -> Iterator[str]:
    before, after = (
        {(it["in"], it["name"]): it for it in each.get("parameters", ())}
        for each in (known, operation)
    )
    for key, parameter in before.items():
        place = "/".join(key)
        if key not in after:
            yield f"{place}: is gone"
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield f"{place}: became required"
        yield from requests.refusals(parameter["schema"], after[key]["schema"], place)
    for key in after.keys() - before.keys():
        if after[key].get("required"):
            yield f"{'/'.join(key)}: is new and required"


def _body(requests: Comparison, known: Any, current: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if known is None:
        if current is not None and current.get("required"):
            yield "body: became required"
        return
    if current is None:
        yield "body: is gone"
        return
    yield from _contents(requests, known["content"], current["content"], "body")


def _answers(answers: Comparison, known: Node, current: Node) -> Iterator[str]:
    for status, answer in known.items():
        if status not in current:
            if status < _FIRST_ERROR:
                yield f"{status}: is gone"
            continue
        sent, wanted = (it.get("content", {}) for it in (current[status], answer))
        for media_type in wanted:
            if media_type not in sent:
                yield f"{status}: {media_type} is gone"
                continue
            yield from answers.refusals(
                sent[media_type].get("schema", {}),
                wanted[media_type].get("schema", {}),
                status,
            )
    for status in current.keys() - known.keys():
        if status < _FIRST_ERROR:
            yield f"{status}: is new"


def _contents(
    requests: Comparison, known: Node, current: Node, place: str
) -> Iterator[str]:
    for media_type, content in known.items():
        if media_type not in current:
            yield f"{place}: {media_type} is gone"
            continue
        yield from requests.refusals(
            content["schema"], current[media_type]["schema"], place
        )
