"""The Celery application. Tasks are the apps' tasks.py; the queue itself is in the database."""

import os

from celery import Celery

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

broker.register()
app = Celery("nevus")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
