# The worker that reads: everything of requirements.txt, torch too. Also registers models, and trains
# them where it is built with TRAINING=yes.
#   docker build -f docker/worker.Dockerfile -t nevus-worker .                          CPU
#   docker build -f docker/worker.Dockerfile -t nevus-worker:gpu --build-arg DEVICE=cuda .
#   docker build -f docker/worker.Dockerfile -t nevus-worker:training --build-arg DEVICE=cuda \
#     --build-arg TRAINING=yes .
#
# Which build of torch comes is decided by the package index. The ordinary one has the build with
# CUDA for x86-64 (it reads on a CPU too, but is some gigabytes larger); PIP_EXTRA_INDEX_URL names
# an index that has the small build for CPUs, as docs/operations.md shows.
FROM python:3.11-slim-bookworm AS build

ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG DEVICE=cpu
ARG TRAINING=no
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

RUN python -m venv --without-pip /opt/venv
COPY requirements.txt requirements-training.txt /tmp/
RUN pip --python /opt/venv/bin/python install -r /tmp/requirements.txt
RUN [ "$TRAINING" = no ] \
    || pip --python /opt/venv/bin/python install -r /tmp/requirements.txt -r /tmp/requirements-training.txt
COPY docker/check_torch.py /tmp/
RUN /opt/venv/bin/python /tmp/check_torch.py "$DEVICE"

WORKDIR /app
COPY manage.py ./
COPY clinic clinic
COPY config config
COPY diagnosis diagnosis
COPY ml ml
COPY static static
COPY templates templates
COPY docker/entrypoint.py docker/healthcheck.py docker/gunicorn.conf.py docker/
RUN /opt/venv/bin/python -m compileall -q /app \
    && chmod -R a+rX /app


FROM python:3.11-slim-bookworm

ARG DEVICE=cpu

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nevus \
    && mkdir -p /srv/media /srv/checkpoints /srv/secrets \
    && chown 10001:10001 /srv/media /srv/checkpoints /srv/secrets

COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app

# the two of NVIDIA ask its container runtime for the driver; nothing else reads them
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    NEVUS_VAR=/tmp/nevus NEVUS_DEVICE=$DEVICE NEVUS_METRICS_PORT=9100 \
    MEDIA_ROOT=/srv/media CHECKPOINT_ROOT=/srv/checkpoints \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
USER 10001:10001
EXPOSE 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "docker/healthcheck.py"]
ENTRYPOINT ["python", "docker/entrypoint.py"]
CMD ["worker"]
