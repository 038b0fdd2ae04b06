"""nginx does not start with a certificate that browsers refuse, and says what to do."""

import subprocess
from pathlib import Path

import pytest

from tests.support.nginx import check

GIVEN = {"NEVUS_CERTIFICATE": "given"}


def make(folder: Path, *, days: int = 400, key: str = "key.pem") -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=nevus.example"
    files = ["-keyout", str(folder / key), "-out", str(folder / "certificate.pem")]
    period = ["-days", str(days)]
    if days < 0:
        # openssl makes none for the past by itself
        period = ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"]
    done = subprocess.run([*command.split(), *period, *files], capture_output=True, check=False)
    if days < 0 and done.returncode:
        expired_by_authority(folder)


def expired_by_authority(folder: Path) -> None:
    """The same with the older command, which knows dates."""
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\n"
        f"dir={folder}\ndatabase={folder}/index.txt\nserial={folder}/serial\n"
        f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    own = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/request.pem"]
    ask = "openssl req -new -newkey rsa:2048 -nodes -subj /CN=nevus.example"
    subprocess.run([*ask.split(), *own], check=True, capture_output=True)
    sign = "openssl ca -batch -selfsign -startdate 20200101000000Z -enddate 20200201000000Z"
    files = ["-config", "ca.conf", "-in", "request.pem", "-keyfile", "key.pem"]
    out = ["-out", "certificate.pem", "-notext"]
    subprocess.run([*sign.split(), *files, *out], check=True, capture_output=True, cwd=folder)


def refusal(folder: Path, **environment: str) -> str:
    done = check(folder, **GIVEN | environment)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_good_one_passes_in_silence(tmp_path: Path) -> None:
    make(tmp_path)
    done = check(tmp_path, **GIVEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    said = refusal(tmp_path)
    assert f"The certificate {tmp_path}/certificate.pem is missing" in said
    assert "NEVUS_CERTIFICATE=self-made" in said
    make(tmp_path)
    (tmp_path / "key.pem").unlink()
    assert f"The private key {tmp_path}/key.pem is missing" in refusal(tmp_path)


def test_an_expired_one_is_refused_with_its_date(tmp_path: Path) -> None:
    make(tmp_path, days=-1)
    assert "expired on 01 February 2020" in refusal(tmp_path)


def test_one_that_ends_soon_is_used_with_a_warning(tmp_path: Path) -> None:
    make(tmp_path, days=10)
    done = check(tmp_path, **GIVEN)
    assert done.returncode == 0
    assert "renew it" in done.stderr


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, key="other.pem")
    assert "does not belong to the certificate" in refusal(tmp_path)


def test_what_is_no_certificate_is_said(tmp_path: Path) -> None:
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_text("not PEM")
    assert "is not a certificate in PEM form" in refusal(tmp_path)


def test_a_self_made_one_is_made_once(tmp_path: Path) -> None:
    first = check(tmp_path, ALLOWED_HOSTS="nevus.hospital.example,127.0.0.1")
    assert "was made for nevus.hospital.example" in first.stderr
    content = (tmp_path / "certificate.pem").read_text()
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    second = check(tmp_path)
    assert (second.returncode, second.stderr) == (0, "")
    assert (tmp_path / "certificate.pem").read_text() == content


@pytest.mark.parametrize("limit", ["many", "-5"])
def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, limit: str) -> None:
    make(tmp_path)
    assert "NEVUS_MAX_UPLOAD_BYTES" in refusal(tmp_path, NEVUS_MAX_UPLOAD_BYTES=limit)
