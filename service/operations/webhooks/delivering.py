"""Sending what lies in the outbox, again and again until it is taken or given up."""

import asyncio
import logging
import time
from functools import partial
from http import HTTPStatus
from typing import final

import httpx
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from service import logs
from service.errors import WebhookRefused
from service.operations.webhooks.addresses import Unresolved, parsed, resolve
from service.operations.webhooks.signatures import Signer
from service.settings import Settings
from service.stores.webhooks.deliveries import DeliveryStore, DueDelivery, Outcome

_log = logging.getLogger(__name__)
_PAUSE_S = 1.0
_TIMEOUT = httpx.Timeout(None, connect=5.0)
_PORTS = {"http": 80, "https": 443}
_AT_ONCE = 8


@final
class Deliverer:
    """Sends due messages; any number of copies may run."""

    def __init__(
        self, deliveries: DeliveryStore, signer: Signer, settings: Settings
    ) -> None:
        self._deliveries = deliveries
        self._signer = signer
        self._retries = settings.webhook_retry_seconds
        self._attempt_s = settings.webhook_attempt_seconds
        self._private = settings.webhooks_to_private
        self._threads = CapacityLimiter(2 * _AT_ONCE)
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Sends until cancelled; what is on its way then is sent again later."""
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http,
            asyncio.TaskGroup() as senders,
        ):
            for _ in range(_AT_ONCE):
                senders.create_task(self._send(http))

    async def _send(self, http: httpx.AsyncClient) -> None:
        while True:
            try:
                async with self._turn:
                    due = await self._next_due()
                with logs.bound(delivery_id=due.id, webhook_id=due.webhook_id):
                    await self._deliver(http, due)
            except SQLAlchemyError as error:
                _log.warning("deliveries wait: %s", type(error).__name__)
                await asyncio.sleep(_PAUSE_S)
            except Exception:
                # One message must not keep the others from being sent.
                _log.exception("a delivery failed")
                await asyncio.sleep(_PAUSE_S)

    async def _next_due(self) -> DueDelivery:
        while True:
            due = await run_sync(self._deliveries.claim, limiter=self._threads)
            if due is not None:
                return due
            await asyncio.sleep(_PAUSE_S)

    async def _deliver(self, http: httpx.AsyncClient, due: DueDelivery) -> None:
        outcome = await self._attempt(http, due)
        told = outcome.error or outcome.status
        if await run_sync(self._deliveries.settle, due, outcome, limiter=self._threads):
            _log.info("attempt %d: %s", due.attempt, told)
        else:
            _log.warning("attempt %d came too late: %s", due.attempt, told)

    async def _attempt(self, http: httpx.AsyncClient, due: DueDelivery) -> Outcome:
        retry = None
        if due.attempt <= len(self._retries):
            retry = self._retries[due.attempt - 1]
        try:
            async with asyncio.timeout(self._attempt_s):
                status = await self._post(http, due)
        except WebhookRefused:
            return Outcome(error="address_refused", retry_seconds=retry)
        except Unresolved:
            return Outcome(error="unresolved", retry_seconds=retry)
        except TimeoutError:
            return Outcome(error="timed_out", retry_seconds=retry)
        except httpx.HTTPError:
            return Outcome(error="unreachable", retry_seconds=retry)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome(status=status, delivered=True)
        gone = status == HTTPStatus.GONE
        return Outcome(status=status, retry_seconds=None if gone else retry)

    async def _post(self, http: httpx.AsyncClient, due: DueDelivery) -> int:
        """The status of the answer; no body is read and no redirection followed."""
        url = parsed(due.url)
        host = url.raw_host.decode()  # which is a name as it is looked up
        address = await self._resolve(host, url.port or _PORTS[url.scheme])
        body = due.payload.encode()
        signed = self._signer.headers(
            due.webhook_id,
            due.secrets,
            message_id=due.id,
            timestamp=int(time.time()),
            body=body,
        )
        async with http.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={
                **signed,
                "Host": url.netloc.decode(),
                "Content-Type": "application/json",
                "User-Agent": "gradflat",
            },
            extensions={"sni_hostname": host},
        ) as answer:
            return answer.status_code

    async def _resolve(self, host: str, port: int) -> str:
        return await run_sync(
            partial(resolve, host, port, private=self._private),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
