import pytest

from service.stores.sql import cursors
from service.stores.sql.identifiers import is_id, new_id


def test_identifiers_sort_by_creation() -> None:
    made = [new_id("job") for _ in range(1000)]
    assert made == sorted(set(made))
    assert all(is_id("job", one) and not is_id("file", one) for one in made)


@pytest.mark.parametrize("text", ["", "job_", "job_" + "g" * 32, "job_" + "0" * 33])
def test_other_text_is_no_identifier(text: str) -> None:
    assert not is_id("job", text)
    assert not is_id("job", new_id("job") + "\n")


def test_a_cursor_gives_back_its_id() -> None:
    last = new_id("job")
    assert cursors.decode("job", cursors.encode(last)) == last
