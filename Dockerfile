# Two images from one file: target `api` has no torch, target `worker` has it.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    MALLOC_ARENA_MAX=2 GRADFLAT_DATA_DIR=/data
RUN useradd --uid 10001 --create-home gradflat \
    && mkdir /data && chown gradflat:gradflat /data
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY service ./service
COPY worker ./worker

FROM base AS api
RUN pip install -c constraints.txt '.[postgres]'
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/v1/health/live', timeout=2)"]
CMD ["gradflat", "api", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
RUN pip install -c constraints.txt '.[postgres,worker]'
USER 10001
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s \
    CMD ["sh", "-c", "celery -A worker.app inspect ping -d celery@$(hostname) --timeout 10"]
CMD ["gradflat", "worker"]
