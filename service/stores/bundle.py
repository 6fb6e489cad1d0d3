"""All stores of one deployment on one database connection pool."""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Engine

from service.settings import Settings
from service.stores.blobs.base import BlobStore
from service.stores.blobs.drafts import BlobDrafts, Drafts, LocalDrafts
from service.stores.blobs.local import LocalBlobStore
from service.stores.blobs.s3.blobs import S3BlobStore
from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.signatures import Credentials
from service.stores.files.files import FileStore
from service.stores.files.uploads import UploadStore
from service.stores.jobs.events import EventStore
from service.stores.jobs.jobs import JobStore
from service.stores.jobs.recovery import RecoveryStore
from service.stores.jobs.shards import ShardStore
from service.stores.keys import KeyStore, load_pepper
from service.stores.sql.database import connect
from service.stores.webhooks.deliveries import DeliveryStore
from service.stores.webhooks.webhooks import WebhookStore
from service.stores.workers import WorkerStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that is kept."""

    engine: Engine
    blobs: BlobStore
    drafts: Drafts
    keys: KeyStore
    files: FileStore
    uploads: UploadStore
    jobs: JobStore
    shards: ShardStore
    events: EventStore
    webhooks: WebhookStore
    deliveries: DeliveryStore
    workers: WorkerStore
    recovery: RecoveryStore


def open_stores(settings: Settings) -> Stores:
    """Returns the stores of a deployment; `migrate(stores.engine)` makes the tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = connect(settings.resolved_database_url)
    blobs, drafts = _open_blobs(settings)
    quotas = settings.quotas
    return Stores(
        engine=engine,
        blobs=blobs,
        drafts=drafts,
        keys=KeyStore(engine, load_pepper(settings)),
        files=FileStore(engine, blobs, quotas),
        uploads=UploadStore(
            engine, quotas, patience_seconds=settings.upload_patience_seconds
        ),
        jobs=JobStore(
            engine, quotas, retention_seconds=settings.retention_days * 86_400
        ),
        shards=ShardStore(engine),
        events=EventStore(engine),
        webhooks=WebhookStore(engine),
        deliveries=DeliveryStore(engine),
        workers=WorkerStore(engine),
        recovery=RecoveryStore(
            engine, patience_seconds=settings.announce_again_seconds
        ),
    )


def _open_blobs(settings: Settings) -> tuple[BlobStore, Drafts]:
    if settings.s3_endpoint is None:
        folder = LocalBlobStore(settings.resolved_blob_dir)
        return folder, LocalDrafts(folder.scratch())
    credentials = Credentials(
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        region=settings.s3_region,
    )
    bucket = Bucket(settings.s3_endpoint, settings.s3_bucket, credentials)
    blobs = S3BlobStore(bucket, settings.resolved_blob_dir / ".scratch")
    return blobs, BlobDrafts(blobs)
