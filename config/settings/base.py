"""Settings shared by every way of running Nevus.

Everything that differs between a laptop and a cluster is read from environment variables; the
defaults here are those of the trial (SQLite, embedded broker, a folder for pictures). The table
of variables is in docs/settings.md.
"""

import os
import secrets
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from config import storages
from config.environment import env
from config.logs import logging_of
from config.places import share_metrics, with_password

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("NEVUS_VAR", str(BASE_DIR / "var")))


def trial_secret_key() -> str:
    """The secret of this working copy, made on first use and kept in var/."""
    path = VAR_DIR / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


DEBUG = False
SECRET_KEY = env.secret("SECRET_KEY") or trial_secret_key()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "clinic",
    "diagnosis",
]

MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "config.middleware.ProbesMiddleware",
    "config.middleware.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "clinic.middleware.AuditOriginMiddleware",
    "clinic.middleware.DomainErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "clinic.context_processors.memberships",
            ],
        },
    },
]

# Database ---------------------------------------------------------------------------------------

database_url = env.secret("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'nevus.sqlite3'}"
DATABASES = {"default": environ.Env.db_url_config(database_url)}
# apart from the address, so that it can be the very file that PostgreSQL itself was given
if database_password := env.secret("DATABASE_PASSWORD"):
    DATABASES["default"]["PASSWORD"] = database_password
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # writers take the lock at the start of a transaction and wait for each other instead of failing
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.integer("DATABASE_CONN_MAX_AGE", 60, least=0)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# on SQLite an index has no columns beside its key; it works without
SILENCED_SYSTEM_CHECKS = ["models.W040"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Broker -----------------------------------------------------------------------------------------

# empty: the embedded broker, a folder that only processes of this machine share
REDIS_URL = with_password(env.secret("REDIS_URL"), env.secret("REDIS_PASSWORD"))
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "visibility_timeout": 3600,
        # a web process asks once: the sweep rings for what it could not; workers try for ever
        "max_retries": 0,
    }
else:
    BROKER_DIR = VAR_DIR / "broker"
    for _name in ("messages", "processed", "control"):
        (BROKER_DIR / _name).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "folder://localhost"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
# a request is a row, a task is only a bell: results are not kept and a lost bell is rung again
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"diagnosis.read_queued": {"queue": "inference"}}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
NEVUS_SWEEP_SECONDS = env.seconds("NEVUS_SWEEP_SECONDS", 10.0)
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "diagnosis.sweep",
        "schedule": NEVUS_SWEEP_SECONDS,
        "options": {"expires": NEVUS_SWEEP_SECONDS},
    },
}

# The reading ------------------------------------------------------------------------------------

# how long a worker owns the rows it has claimed; it renews the lease while it works
NEVUS_LEASE_SECONDS = env.seconds("NEVUS_LEASE_SECONDS", 30.0)
NEVUS_BATCH_SIZE = env.integer("NEVUS_BATCH_SIZE", 16)
# batches that a worker has under way: one waits for the database while another computes
NEVUS_LANES = env.integer("NEVUS_LANES", 2)
NEVUS_DECODE_THREADS = env.integer("NEVUS_DECODE_THREADS", 4)
# how long a worker that stops may go on with its batch before it gives the rows back; less than
# the ten seconds that Docker waits before it kills
NEVUS_DRAIN_SECONDS = env.seconds("NEVUS_DRAIN_SECONDS", 8.0)
# "cpu", "cuda" or "cuda:1"; empty: the first GPU where there is one, else the CPU
NEVUS_DEVICE = env.text("NEVUS_DEVICE")
# what a worker claims: everything, interactive before bulk, or only one of the two
NEVUS_CLAIM = env.choice("NEVUS_CLAIM", "all", among=("all", "interactive", "bulk"))

# how long a process that starts waits for database, tables and broker before it gives up
NEVUS_WAIT_SECONDS = env.seconds("NEVUS_WAIT_SECONDS", 60.0)

# Pictures ---------------------------------------------------------------------------------------

BUCKET = storages.read_bucket(env)
STORAGES = {
    "default": storages.bucket(BUCKET)
    if BUCKET
    else storages.folder(env.text("MEDIA_ROOT", str(VAR_DIR / "media"))),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
CHECKPOINT_ROOT = Path(env.text("CHECKPOINT_ROOT", str(VAR_DIR / "checkpoints")))
NEVUS_MAX_UPLOAD_BYTES = env.integer("NEVUS_MAX_UPLOAD_BYTES", 25 * 1024 * 1024)
NEVUS_MAX_UPLOAD_PIXELS = env.integer("NEVUS_MAX_UPLOAD_PIXELS", 64_000_000)
# one request may bring a whole batch; the pages send each picture by itself
NEVUS_MAX_BATCH_FILES = env.integer("NEVUS_MAX_BATCH_FILES", 500)
NEVUS_MAX_BATCH_BYTES = env.integer("NEVUS_MAX_BATCH_BYTES", 512 * 1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FILES = NEVUS_MAX_BATCH_FILES
# behind nginx: its internal address of the pictures, from which it sends what a view allowed
NEVUS_ACCEL_PREFIX = env.text("NEVUS_ACCEL_PREFIX")
# a form holds one picture and a few fields; anything larger is refused while it streams in
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(VAR_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]

# Who --------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "clinic.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "worklist"
LOGOUT_REDIRECT_URL = "sign-in"
# a shared computer in a consulting room: the session ends with the browser, or after a day of work
SESSION_COOKIE_AGE = env.integer("NEVUS_SESSION_SECONDS", 8 * 3600)
SESSION_SAVE_EVERY_REQUEST = False
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "clinic.views.errors.csrf_failure"

# ten wrong passwords for one account from one address close that pair for a quarter of an hour
AXES_FAILURE_LIMIT = env.integer("NEVUS_SIGN_IN_FAILURES", 10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 0.25  # hours
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "errors/locked.html"
AXES_CLIENT_IP_CALLABLE = "clinic.middleware.client_address"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_USERNAME_CALLABLE = "clinic.middleware.name_tried"
AXES_VERBOSE = False
# the proxies in front of the application whose X-Forwarded-For is believed
TRUSTED_PROXIES = env.integer("NEVUS_TRUSTED_PROXIES", 0, least=0)

# The browser ------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # a picture of the bucket comes from there, by an address that is signed for a minute
        "img-src": [SELF, "blob:", "data:", *([BUCKET.origin] if BUCKET and BUCKET.signs else [])],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# The API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["clinic.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["clinic.api.permissions.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "config.api.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "config.api_schema.ApiSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "config.api.problem_handler",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": TRUSTED_PROXIES,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Nevus API",
    "DESCRIPTION": "Patients, lesions, images and second readings. A reading assists a doctor; "
    "nothing is final until a named doctor has signed. A field of a body that is not described "
    "here is refused (400 unknown_field), and so is a parameter of a list or report (400 "
    "unknown_parameter).",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Label": "diagnosis.api.shapes.LABELS",
        "Conclusion": "diagnosis.api.shapes.CONCLUSIONS",
    },
}

# Mail -------------------------------------------------------------------------------------------

# "smtp://user:password@host:587"; without it invitations are handed out as links only
email_url = env.secret("EMAIL_URL")
NEVUS_SENDS_MAIL = bool(email_url)
if NEVUS_SENDS_MAIL:
    globals().update(environ.Env.email_url_config(email_url))
    EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "nevus@localhost")

# Language and time -------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LANGUAGE_COOKIE_NAME = "nevus_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True

# Seeing -----------------------------------------------------------------------------------------

LOG_FORMAT = env.choice("NEVUS_LOG_FORMAT", "line", among=("line", "json"))
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logging_of(LOG_FORMAT, LOG_LEVEL)
# who may read /metrics: the holder of the token; without one, whoever asks from the own network
NEVUS_METRICS_TOKEN = env.secret("NEVUS_METRICS_TOKEN")
# where a worker answers /metrics and /healthz/; 0: nowhere
NEVUS_METRICS_PORT = env.integer("NEVUS_METRICS_PORT", 0, least=0)
# the processes of one place that is scraped count together in files; the library reads the variable
METRICS_DIR = Path(env.text("PROMETHEUS_MULTIPROC_DIR", str(VAR_DIR / "metrics")))
METRICS_SHARED = share_metrics(METRICS_DIR)
