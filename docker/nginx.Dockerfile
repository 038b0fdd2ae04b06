# nginx in front of the web process, with a check of the certificate before it starts. The same base
# and the same user as the other images, so that a hospital mirrors one image and shares its volumes.
#   docker build -f docker/nginx.Dockerfile -t nevus-nginx .
FROM python:3.11-slim-bookworm

# Debian's nginx of this release, with its security updates
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nginx-light openssl \
    && rm -rf /var/lib/apt/lists/* /var/log/nginx \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nevus \
    && mkdir -p /srv/tls /srv/published /srv/media \
    && chown 10001:10001 /srv/tls /srv/published /srv/media

COPY docker/nginx /app/nginx
RUN chmod -R a+rX /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app/nginx
USER 10001:10001
EXPOSE 8080 8443
# nginx finishes what is under way
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "healthcheck.py"]
ENTRYPOINT ["python", "start.py"]
