"""Sending what lies in the outbox, again and again until it is taken or given up."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import final

import httpx
from sqlalchemy.exc import SQLAlchemyError

from service import logs
from service.errors import WebhookRefused
from service.operations.webhooks.addresses import Unresolved, resolve
from service.operations.webhooks.signatures import Signer
from service.settings import Settings
from service.stores.deliveries import DeliveryStore, DueDelivery, Outcome

_log = logging.getLogger(__name__)
_PAUSE_S = 1.0
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_AT_ONCE = 8
_BATCH = 4 * _AT_ONCE


@final
class Deliverer:
    """Sends due messages; any number of copies may run."""

    def __init__(
        self, deliveries: DeliveryStore, signer: Signer, settings: Settings
    ) -> None:
        self._deliveries = deliveries
        self._signer = signer
        self._retries = settings.webhook_retry_seconds
        self._private = settings.webhooks_to_private
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def run(self, stop: threading.Event) -> None:
        """Sends until asked to stop."""
        with self._http, ThreadPoolExecutor(_AT_ONCE, "webhook") as threads:
            while not stop.is_set():
                try:
                    due = self._deliveries.claim_due(limit=_BATCH)
                    list(threads.map(self._deliver, due))
                except SQLAlchemyError as error:
                    _log.warning("deliveries wait: %s", type(error).__name__)
                    due = []
                if not due:
                    stop.wait(_PAUSE_S)

    def _deliver(self, due: DueDelivery) -> None:
        with logs.bound(delivery_id=due.id, webhook_id=due.webhook_id):
            outcome = self._attempt(due)
            self._deliveries.settle(due, outcome)
            _log.info("attempt %d: %s", due.attempt, outcome.error or outcome.status)

    def _attempt(self, due: DueDelivery) -> Outcome:
        retry = None
        if due.attempt <= len(self._retries):
            retry = self._retries[due.attempt - 1]
        try:
            status = self._post(due)
        except WebhookRefused:
            return Outcome(error="address_refused", retry_seconds=retry)
        except Unresolved:
            return Outcome(error="unresolved", retry_seconds=retry)
        except httpx.HTTPError:
            return Outcome(error="unreachable", retry_seconds=retry)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome(status=status, delivered=True)
        gone = status == HTTPStatus.GONE
        return Outcome(status=status, retry_seconds=None if gone else retry)

    def _post(self, due: DueDelivery) -> int:
        """The status of the answer; no body is read and no redirection followed."""
        url = httpx.URL(due.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        address = resolve(url.host, port, private=self._private)
        body = due.payload.encode()
        signed = self._signer.headers(
            due.webhook_id, message_id=due.id, timestamp=int(time.time()), body=body
        )
        with self._http.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={
                **signed,
                "Host": url.netloc.decode(),
                "Content-Type": "application/json",
                "User-Agent": "gradflat",
            },
            extensions={"sni_hostname": url.host},
        ) as answer:
            return answer.status_code
