"""Settings of a deployment, read from the environment (``GRADFLAT_...``)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.schemas.account import Quotas


class Settings(BaseSettings):
    """One deployment; the API and every worker share it."""

    model_config = SettingsConfigDict(
        env_prefix="GRADFLAT_", frozen=True, use_attribute_docstrings=True
    )

    data_dir: Path = Path("gradflat-data")
    """Folder of the database, the files and scratch space, unless others are named."""
    database_url: str | None = None
    """SQLAlchemy URL; null is SQLite in the data folder."""
    broker_url: str = "redis://127.0.0.1:6379/0"
    """Redis or Valkey."""
    blob_dir: Path | None = None
    """Folder of uploaded files and results; null is in the data folder."""
    s3_endpoint: str | None = None
    """URL of an S3-compatible server for uploaded files and results; null is a folder.
    """
    s3_bucket: str = "gradflat"
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = Field(default="", repr=False)
    pepper: str | None = None
    """Secret that API keys are hashed with; null keeps one in the data folder."""
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "::1"]
    """Values of the Host header that are answered."""

    body_idle_seconds: float = 30.0
    """Time without a byte after which a request that is not complete is refused."""
    body_bytes_per_second: Annotated[float, Field(gt=0)] = 1000.0
    """Pace below which such a request is not waited for any longer than that time."""
    upload_limit_bytes: int = 2 * 1024**3
    upload_patience_seconds: float = 86_400.0
    """Time without a piece after which a resumable upload is forgotten."""
    parameter_limit: int = 10_000_000
    sample_limit: int = 1_000_000
    start_limit: int = 10_000
    gradient_evaluation_limit: int = 10**9
    memory_limit_bytes: int = 16 * 1024**3
    """What a job may take on a worker; those that need more are refused."""
    time_limit_seconds: int = 7 * 86_400
    dense_limit: int = 2000
    """Up to this many parameters the Hessian is formed."""
    starts_per_shard: int = 64

    quota_stored_bytes: int = 20 * 1024**3
    quota_files: int = 10_000
    quota_active_jobs: int = 1000
    quota_device_seconds: int = 30 * 86_400
    """Time for which a tenant's jobs may hold workers, over 30 days."""

    requests_per_second: float = 300.0
    """For each key; `requests_burst` more may come at once."""
    requests_burst: int = 600
    writes_per_second: float = 50.0
    """Of those, the ones that create, change or delete something."""
    writes_burst: int = 500

    webhook_retry_seconds: list[float] = [
        *(5.0, 300.0, 1800.0, 7200.0, 18_000.0),
        *(36_000.0, 50_400.0, 72_000.0, 86_400.0),
    ]
    """Pauses between attempts at a message; after the last one it is given up."""
    webhook_attempt_seconds: Annotated[float, Field(gt=0, le=45)] = 15.0
    """Time for one attempt, until the status of the answer is there."""
    webhooks_to_private: bool = False
    """Whether webhooks may lead to private addresses, and without TLS."""

    retention_days: float = 30.0
    """Time after its end at which a job and its results are deleted."""
    start_within_seconds: float = 7 * 86_400.0
    """Time in the queue after which a job that never started expires."""

    max_attempts: int = 3
    lease_seconds: float = 60.0
    renew_seconds: float = 10.0
    self_fence_seconds: float = 45.0
    """Time without a renewal after which a worker kills its runner."""
    reconcile_seconds: float = 15.0
    announce_again_seconds: float = 30.0
    """Time after which a shard that waits while no message does is announced again."""
    checkpoint_seconds: float = 30.0

    scratch_dir: Path | None = None
    """Folder of what is being computed; null is in the data folder."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """What workers compute on; `auto` is a GPU where there is one."""
    memory_budget_bytes: int = 2 * 1024**3
    """What a batch of runs may take; samples and starts beyond it take turns. A single
    run that it does not hold may take up to the memory limit."""
    runner_memory_bytes: int = 20 * 1024**3
    runner_files: int = 1024
    runner_processes: int = 16_384
    """Of the whole user, as the kernel counts them, threads included."""
    runner_threads: int | None = None
    """Threads of the numerics; null is one for each processor."""

    @property
    def resolved_database_url(self) -> str:
        """The database that is used."""
        return self.database_url or f"sqlite:///{self.data_dir / 'gradflat.db'}"

    @property
    def resolved_blob_dir(self) -> Path:
        """The folder of files that is used."""
        return self.blob_dir or self.data_dir / "blobs"

    @property
    def resolved_scratch_dir(self) -> Path:
        """The folder of scratch space that is used."""
        return self.scratch_dir or self.data_dir / "scratch"

    @property
    def quotas(self) -> Quotas:
        """What every tenant may hold."""
        return Quotas(
            stored_bytes=self.quota_stored_bytes,
            files=self.quota_files,
            active_jobs=self.quota_active_jobs,
            device_seconds=self.quota_device_seconds,
        )
