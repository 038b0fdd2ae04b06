"""gunicorn in a container: read-only root, no privileges, a stop that loses nothing."""

import os

bind = os.environ.get("NEVUS_BIND", "0.0.0.0:8000")
# WEB_CONCURRENCY (gunicorn's own variable) and NEVUS_THREADS: how many requests at once
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = int(os.environ.get("NEVUS_THREADS") or 8)
worker_class = "gthread"
preload_app = True
# decoding and encoding a photograph of 64 million pixels takes seconds on a slow processor
timeout = 60
# after SIGTERM: nothing new is accepted, what is under way may finish
graceful_timeout = 25
keepalive = 75
# heartbeats are files; /dev/shm is memory wherever the root is read-only
worker_tmp_dir = "/dev/shm"  # noqa: S108
# its socket would be a file in the home folder
control_socket_disable = True
# the proxy in front writes the access log; errors go to stderr, formatted by Django's LOGGING
accesslog = None
errorlog = "-"
