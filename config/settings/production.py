"""A hospital or a country: nothing secret has a default, and everything travels over TLS."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.environment import env

REQUIRED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")
missing = [name for name in REQUIRED if not env.secret(name)]
missing += [] if env.words("ALLOWED_HOSTS") else ["ALLOWED_HOSTS"]
if missing:
    raise ImproperlyConfigured(f"Set these environment variables: {', '.join(missing)}.")

# after that, because the trial's defaults are files, which it makes where it reads them
from config.settings.base import *  # noqa: E402, F403

# what examples say; whoever reads them knows these too
PLACEHOLDERS = ("changeme", "change-me", "change_me", "password", "example", "insecure")


def is_placeholder(secret: object) -> bool:
    return str(secret).lower() in PLACEHOLDERS


if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:  # noqa: F405
    raise ImproperlyConfigured("SECRET_KEY is weak: use at least 50 random characters.")
if is_placeholder(DATABASES["default"].get("PASSWORD", "")):  # noqa: F405
    raise ImproperlyConfigured(
        "The password of the database (DATABASE_PASSWORD or DATABASE_URL) is that of an example: "
        "give the database a random one."
    )
if is_placeholder(urlsplit(REDIS_URL).password):  # noqa: F405
    raise ImproperlyConfigured(
        "The password of Redis (REDIS_PASSWORD or REDIS_URL) is that of an example: "
        "use a random one."
    )
if NEVUS_METRICS_TOKEN and len(NEVUS_METRICS_TOKEN) < 16:  # noqa: F405
    raise ImproperlyConfigured("NEVUS_METRICS_TOKEN is weak: use at least 16 random characters.")

SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
# the orchestrator and Prometheus ask over plain HTTP inside the cluster
SECURE_REDIRECT_EXEMPT = [r"^healthz/", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True

LOG_FORMAT = env.choice("NEVUS_LOG_FORMAT", "json", among=("line", "json"))
LOGGING = logging_of(LOG_FORMAT, LOG_LEVEL)  # noqa: F405
