from sqlalchemy import update

from service.stores.bundle import Stores
from service.stores.sql.database import write
from service.stores.sql.tables import workers


def test_a_worker_lives_while_it_reports(stores: Stores) -> None:
    stores.workers.beat("b", device="cpu", version="0.1.0")
    stores.workers.beat("a", device="cpu", version="0.1.0")
    stores.workers.beat("a", device="cuda:0", version="0.2.0")
    a, b = stores.workers.live()
    assert (a.id, a.device, a.version) == ("a", "cuda:0", "0.2.0")
    assert b.seen_at <= a.seen_at
    with write(stores.engine) as connection:
        connection.execute(update(workers).where(workers.c.id == "b").values(seen_at=1))
    assert [worker.id for worker in stores.workers.live()] == ["a"]
