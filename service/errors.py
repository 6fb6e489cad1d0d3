"""Errors a client can cause, each with its HTTP status and a stable code."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from service.schemas.problem_details import FieldError


class ServiceError(Exception):
    """Something the client asked for that cannot be done.

    Attributes:
        status: HTTP status.
        code: Stable name, meant for programs.
        title: The same for every error of this code.
        detail: What is wrong this time, without echoing input, paths or SQL.
        errors: The offending fields, where they are known.
        headers: Response headers that belong to it.
    """

    status: ClassVar[int]
    code: str
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class Unauthorized(ServiceError):
    """The key is missing, unknown, revoked or expired; which, is not told."""

    status, code, title = 401, "unauthorized", "A valid API key is needed"


class InsufficientScope(ServiceError):
    """The key does not carry the right that the operation needs."""

    status, code, title = 403, "insufficient_scope", "The key lacks a scope"


class FileNotFound(ServiceError):
    """No such file of this tenant."""

    status, code, title = 404, "file_not_found", "File not found"


class UploadNotFound(ServiceError):
    """No such upload of this tenant, or it was abandoned for too long."""

    status, code, title = 404, "upload_not_found", "Upload not found"


class JobNotFound(ServiceError):
    """No such job of this tenant."""

    status, code, title = 404, "job_not_found", "Job not found"


class WebhookNotFound(ServiceError):
    """No such webhook of this tenant."""

    status, code, title = 404, "webhook_not_found", "Webhook not found"


class DeliveryNotFound(ServiceError):
    """No such message to this webhook."""

    status, code, title = 404, "delivery_not_found", "Delivery not found"


class ReportNotReady(ServiceError):
    """The job has not ended yet, or ended without a report."""

    status, code, title = 404, "report_not_ready", "No report yet"


class ArtifactNotFound(ServiceError):
    """The job has no artifact of this name."""

    status, code, title = 404, "artifact_not_found", "Artifact not found"


class RequestTimedOut(ServiceError):
    """The rest of the body did not come in time."""

    status, code, title = 408, "request_timed_out", "The request came too slowly"


class FileInUse(ServiceError):
    """A job that has not ended needs the file."""

    status, code, title = 409, "file_in_use", "The file is in use"


class UploadOffsetConflict(ServiceError):
    """The piece does not begin where the upload stands."""

    status, code, title = 409, "upload_offset_conflict", "The upload stands elsewhere"


class QuotaExceeded(ServiceError):
    """The tenant would hold more than it may."""

    status, code, title = 409, "quota_exceeded", "Quota exceeded"


class JobNotTerminal(ServiceError):
    """The job has not ended yet."""

    status, code, title = 409, "job_not_terminal", "The job has not ended"


class JobFailed(ServiceError):
    """The job failed, so that there is no report."""

    status, code, title = 409, "job_failed", "The job failed"


class JobExpired(ServiceError):
    """The job and its results were deleted when their retention ended."""

    status, code, title = 410, "job_expired", "The job has expired"


class LengthRequired(ServiceError):
    """The length of the body must be stated."""

    status, code, title = 411, "length_required", "Content-Length is needed"


class FileTooLarge(ServiceError):
    """The body is longer than allowed."""

    status, code, title = 413, "file_too_large", "The file is too large"


class UploadTooLong(ServiceError):
    """There are more bytes than were announced."""

    status, code, title = 413, "upload_too_long", "The upload is too long"


class UnsupportedMediaType(ServiceError):
    """The body is of a type that the operation does not take."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class RangeNotSatisfiable(ServiceError):
    """The range lies outside of the artifact."""

    status, code, title = 416, "range_not_satisfiable", "Range not satisfiable"


class WeightsInvalid(ServiceError):
    """The file is no acceptable safetensors file of weights."""

    status, code, title = 422, "weights_invalid", "The weights are invalid"


class DatasetInvalid(ServiceError):
    """The file is no acceptable safetensors data set."""

    status, code, title = 422, "dataset_invalid", "The data set is invalid"


class ChecksumMismatch(ServiceError):
    """The body does not have the digest that was stated."""

    status, code, title = 422, "checksum_mismatch", "The checksum does not match"


class BadCursor(ServiceError):
    """The cursor was not made by this server."""

    status, code, title = 422, "bad_cursor", "The cursor is invalid"


class IdempotencyKeyReused(ServiceError):
    """The idempotency key came with another request before."""

    status, code, title = 422, "idempotency_key_reused", "The key is taken"


class RequestInvalid(ServiceError):
    """The request does not have the documented form."""

    status, code, title = 422, "request_invalid", "The request is invalid"


class JobInvalid(ServiceError):
    """The job is well formed but cannot run; the code is the first finding's."""

    status, title = 422, "The job cannot run"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Makes it from what is wrong, of which there is at least one."""
        first = errors[0]
        super().__init__(first.detail, errors=errors)
        self.code = first.code


class WebhookRefused(ServiceError):
    """Messages must not go to this address."""

    status, code, title = 422, "webhook_url_refused", "The URL is refused"


class RateLimited(ServiceError):
    """Too many requests."""

    status, code, title = 429, "rate_limited", "Too many requests"


class ServiceUnavailable(ServiceError):
    """Something that the server needs is away for the moment."""

    status, code, title = 503, "service_unavailable", "Try again later"


class BodyMalformed(ServiceError):
    """The body is not acceptable JSON."""

    status, code, title = 400, "body_malformed", "The body is malformed"


class BodyTooLarge(ServiceError):
    """The JSON body is longer than allowed."""

    status, code, title = 413, "body_too_large", "The body is too large"
