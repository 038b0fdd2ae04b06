# The web process, and every command that needs no model: beat, migrate, prepare, manage.
#   docker build -f docker/web.Dockerfile -t nevus-web .          (in the root of the repository)
FROM python:3.11-slim-bookworm AS build

# pip's own variables, for a mirror of the package index
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# pip stays behind in this stage
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt docker/web-requirements.txt /tmp/
RUN pip --python /opt/venv/bin/python install -r /tmp/web-requirements.txt -c /tmp/requirements.txt

WORKDIR /app
COPY manage.py ./
COPY clinic clinic
COPY config config
COPY diagnosis diagnosis
COPY ml/__init__.py ml/taxonomy.py ml/
COPY locale locale
COPY static static
COPY templates templates
COPY docker/entrypoint.py docker/healthcheck.py docker/show_metrics.py docker/gunicorn.conf.py docker/

# hashed names and compressed copies; the trial's settings, because nothing secret is needed for it.
# Files may be readable by their owner only, here and where the images are built: the user is another
RUN DJANGO_SETTINGS_MODULE=config.settings.development NEVUS_VAR=/tmp/build STATIC_ROOT=/srv/static \
    /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 --ignore redoc \
    && /opt/venv/bin/python -m compileall -q /app \
    && chmod -R a+rX /app /srv/static
# what nobody reads at run time: collected files a second time, sources of translations, tests
RUN cd /opt/venv/lib/python3.11/site-packages \
    && rm -rf drf_spectacular_sidecar/static \
    && find . -name "*.po" -delete \
    && find numpy -type d -name tests -prune -exec rm -rf {} +


FROM python:3.11-slim-bookworm

# one number in all images of Nevus: they share the volume of the pictures
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nevus \
    && mkdir -p /srv/media /srv/checkpoints /srv/secrets /srv/published \
    && chown 10001:10001 /srv/media /srv/checkpoints /srv/secrets /srv/published

COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/static /srv/static
COPY --from=build /app /app

# the root is read-only: what a process writes for itself lies in /tmp, which is to be a tmpfs
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    NEVUS_VAR=/tmp/nevus \
    MEDIA_ROOT=/srv/media CHECKPOINT_ROOT=/srv/checkpoints STATIC_ROOT=/srv/static
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "docker/healthcheck.py"]
ENTRYPOINT ["python", "docker/entrypoint.py"]
CMD ["web"]
