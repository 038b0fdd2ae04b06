"""A small clinic in a stack, and what tests do there."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.api import ApiClient
from tests.support.stack import ROOT, Stack

PASSWORD = "a-password-for-tests-only"
HOSPITAL = "Sample Hospital North"


def make_clinic(stack: Stack, *, checkpoint: Path | None = None) -> str:
    """A hospital, the user ``doctor``, and the checkpoint (the starter, which refuses nothing
    here) as its model; a token with all scopes."""
    from clinic.services.staff import add_membership, create_hospital, create_user

    with stack.orm():
        hospital = create_hospital(actor=None, name=HOSPITAL)
        doctor = create_user(
            actor=None,
            username="doctor",
            password=PASSWORD,
            given_name="Sample",
            family_name="Doctor",
        )
        add_membership(actor=None, user=doctor, hospital=hospital, role="doctor")
    stack.manage("register_model", checkpoint or unrefusing(stack), "--activate")
    scopes = ["--scope", "read", "--scope", "write", "--scope", "diagnose"]
    return stack.manage("create_token", "doctor", *scopes).splitlines()[-1]


def unrefusing(stack: Stack) -> Path:
    """The starter without its refusal: what is followed is the way of the pictures, and some of
    them may be drawings."""
    folder = stack.folder / "starter"
    shutil.copytree(ROOT / "ml" / "checkpoints" / "starter", folder)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"refusal": {}}))
    return folder


def wait_until(true: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.2)


def new_lesion(api: ApiClient, number: str) -> str:
    patient = api.post("/patients/", {"medical_record_number": number}).body["id"]
    return api.post("/lesions/", {"patient": patient}).body["id"]


def upload(api: ApiClient, lesion: str, content: bytes) -> str:
    answer = api.upload("/diagnoses/", {"lesion": lesion}, name="picture.jpg", content=content)
    assert answer.status == 202, answer.body
    return answer.body["id"]
