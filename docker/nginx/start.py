"""Check the certificate, fill in nginx.conf from the environment, and become nginx.

``start.py check`` only checks, for use before a reload after the certificate was renewed.
"""

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNING_DAYS = 30
MADE_DAYS = 825
# what the form around a picture may take, as DATA_UPLOAD_MAX_MEMORY_SIZE of the application
DEFAULT_BATCH_BYTES = 512 * 1024 * 1024
FORM_BYTES = 2 * 1024 * 1024
DEFAULT_UPLOAD_BYTES = 25 * 1024 * 1024

DEFAULTS = {
    "TMP": "/tmp",  # noqa: S108 - a tmpfs of this container alone
    "WEB": "web:8000",
    "HTTP_PORT": "8080",
    "HTTPS_PORT": "8443",
    # what the outside sees, for the redirect: empty for 443, else ":8443"
    "PUBLIC_PORT": "",
    "CERTIFICATE": "/srv/tls/certificate.pem",
    "KEY": "/srv/tls/key.pem",
    "STATIC": "/srv/published",
    "MEDIA": "/srv/media",
    "PAGES": str(HERE / "pages"),
    "ACCESS_LOG": "/dev/stdout",
    "MIME_TYPES": "/etc/nginx/mime.types",
    "RATE": "100",
    "BURST": "400",
    "SIGN_IN_RATE": "5",
    "SIGN_IN_BURST": "20",
}


def main(arguments: list[str]) -> None:
    values = {
        name: os.environ.get(f"NGINX_{name}") or default for name, default in DEFAULTS.items()
    }
    # started by root, outside of a container: the workers read the same folders as their master
    values["USER"] = "" if os.getuid() else "user root;\n"
    values["ACCEL_PREFIX"] = os.environ.get("NEVUS_ACCEL_PREFIX") or "/media-internal/"
    values["BODY_BYTES"] = body_bytes("NEVUS_MAX_UPLOAD_BYTES", DEFAULT_UPLOAD_BYTES)
    values["BATCH_BYTES"] = body_bytes("NEVUS_MAX_BATCH_BYTES", DEFAULT_BATCH_BYTES)
    certificate, key = Path(values["CERTIFICATE"]), Path(values["KEY"])
    if os.environ.get("NEVUS_CERTIFICATE") == "self-made":
        make_where_needed(certificate, key)
    check(certificate, key)
    if arguments == ["check"]:
        return
    rendered = Path(values["TMP"]) / "nginx.conf"
    make_writable(values["ACCESS_LOG"])
    rendered.write_text(fill_in((HERE / "nginx.conf").read_text(), values))
    os.execvp("nginx", ["nginx", "-c", str(rendered)])  # noqa: S606, S607


def make_writable(log: str) -> None:
    """nginx opens its log by name. Where the engine's end of stdout belongs to root, our user may
    not: then it gets a pipe of its own, and cat carries on what comes out of it."""
    try:
        with open(log, "a"):
            return
    except PermissionError:
        if log != "/dev/stdout":
            sys.exit(f"The access log {log} cannot be written by user {os.getuid()}.")
    reading, writing = os.pipe()
    subprocess.Popen(["cat"], stdin=reading)  # noqa: S607
    os.dup2(writing, 1)
    os.close(reading)
    os.close(writing)


def body_bytes(name: str, default: int) -> str:
    """The largest body: the application's limit of the files, and their form."""
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        sys.exit(f"{name} is {text!r}: write a number of bytes.")
    return str(int(text or default) + FORM_BYTES)


def fill_in(template: str, values: dict[str, str]) -> str:
    return re.sub(r"@@(\w+)@@", lambda found: values[found[1]], template)


def check(certificate: Path, key: Path) -> None:
    """End with one sentence where browsers would refuse the certificate."""
    for path, what in ((certificate, "certificate"), (key, "private key")):
        if not path.is_file() or not os.access(path, os.R_OK):
            sys.exit(
                f"The {what} {path} is missing or cannot be read by user {os.getuid()}: put the "
                "one of your hospital there, or set NEVUS_CERTIFICATE=self-made."
            )
    ends = end_of(certificate)
    now = datetime.datetime.now(datetime.UTC)
    if ends <= now:
        sys.exit(
            f"The certificate {certificate} expired on {ends:%d %B %Y}: put a new one there, "
            "with its private key, and start again."
        )
    if public_key(certificate, "x509", "-noout", "-pubkey") != public_key(key, "pkey", "-pubout"):
        sys.exit(f"The private key {key} does not belong to the certificate {certificate}.")
    if ends - now < datetime.timedelta(days=WARNING_DAYS):
        say(f"The certificate {certificate} expires on {ends:%d %B %Y}: renew it.")


def end_of(certificate: Path) -> datetime.datetime:
    text = openssl("x509", "-in", str(certificate), "-noout", "-enddate")
    if text is None:
        sys.exit(f"{certificate} is not a certificate in PEM form.")
    moment = datetime.datetime.strptime(text.strip(), "notAfter=%b %d %H:%M:%S %Y GMT")
    return moment.replace(tzinfo=datetime.UTC)


def public_key(path: Path, *command: str) -> str:
    text = openssl(command[0], "-in", str(path), *command[1:])
    if text is None:
        sys.exit(f"{path} cannot be read as PEM; a private key must not have a pass phrase.")
    return text


def make_where_needed(certificate: Path, key: Path) -> None:
    """A certificate that no browser knows, for a trial: made once, and again when it has ended."""
    if certificate.exists() and end_of(certificate) > datetime.datetime.now(datetime.UTC):
        return
    name = (os.environ.get("ALLOWED_HOSTS") or "localhost").split(",")[0].strip().lstrip(".*")
    os.umask(0o077)
    made = openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(MADE_DAYS)),
        *("-subj", f"/CN={name or 'localhost'}", "-addext", f"subjectAltName={alternative(name)}"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    if made is None:
        sys.exit(f"A certificate could not be made: {certificate.parent} has to be writable.")
    say(f"{certificate} was made for {name}: browsers warn of it until you put your own there.")


def alternative(name: str) -> str:
    kind = "IP" if re.fullmatch(r"[0-9.]+|[0-9a-f:]*:[0-9a-f:]*", name) else "DNS"
    return f"{kind}:{name or 'localhost'},DNS:localhost,IP:127.0.0.1"


def openssl(*arguments: str) -> str | None:
    """What it printed; None where it failed."""
    done = subprocess.run(  # noqa: S603 - paths of our own
        ["openssl", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout if done.returncode == 0 else None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
