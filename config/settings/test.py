"""The test run: PostgreSQL and Redis from the environment, quick password hashes."""

from config.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
# web servers of the tests find static files where they are written
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
