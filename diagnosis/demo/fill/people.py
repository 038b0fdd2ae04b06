"""Hospitals of different sizes, their staff, and names of nobody."""

import secrets
from dataclasses import dataclass, field

import numpy as np

from clinic.models import Hospital, Role, User
from clinic.services.staff import add_membership, create_hospital, create_user
from diagnosis.models import ModelVersion
from diagnosis.services.model_versions import activate_model

MOST_HOSPITALS = 20
# the last hospital stays as small as this, however large the others are
SMALL = 40
# a hospital has this many patients for each of its doctors, between two doctors and twelve
PATIENTS_PER_DOCTOR = 2000
# the largest has more people than a page of its staff shows, however few patients
COLLEAGUES = 26
ONSETS = ("b", "br", "d", "f", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "r", "s", "st", "t")
VOWELS = ("a", "e", "i", "o", "u", "ei", "au")
CODAS = ("l", "n", "r", "s", "m", "nd", "rt", "ck")


@dataclass
class Site:
    """One hospital with the people who order and sign there; ``logins`` are theirs."""

    hospital: Hospital
    patients: int
    doctors: list[User]
    administrator: User
    logins: dict[str, str] = field(default_factory=dict)


def sizes(patients: int) -> list[int]:
    """Patients of each hospital: the first has a seventh of all or more, the last a few."""
    small = min(SMALL, patients // 5)
    count = min(MOST_HOSPITALS, max(3, patients // 500)) - 1
    weights = 1 / (np.arange(count) + 3)
    shares = np.floor((patients - small) * weights / weights.sum()).astype(int)
    shares[0] += patients - small - shares.sum()
    return [*(int(share) for share in shares), small]


def make_sites(patients: int, model: ModelVersion) -> list[Site]:
    sites = [make_site(number, size, model) for number, size in enumerate(sizes(patients), 1)]
    for place in range(1, COLLEAGUES + 1):
        make_user(f"filled-colleague-01-{place}", sites[0].hospital, Role.DOCTOR, {})
    return sites


def make_site(number: int, patients: int, model: ModelVersion) -> Site:
    hospital = create_hospital(actor=None, name=f"Filled Hospital {number:02}")
    activate_model(actor=None, hospital=hospital, model_version=model)
    logins: dict[str, str] = {}
    doctors = [
        make_user(f"filled-doctor-{number:02}-{place}", hospital, Role.DOCTOR, logins)
        for place in range(1, min(12, max(2, patients // PATIENTS_PER_DOCTOR)) + 1)
    ]
    username = f"filled-administrator-{number:02}"
    administrator = make_user(username, hospital, Role.ADMINISTRATOR, logins)
    return Site(hospital, patients, doctors, administrator, logins)


def make_user(username: str, hospital: Hospital, role: str, logins: dict[str, str]) -> User:
    logins[username] = secrets.token_urlsafe(12)
    user = create_user(
        actor=None,
        username=username,
        password=logins[username],
        given_name="Filled",
        family_name=username.removeprefix("filled-").replace("-", " ").title(),
    )
    add_membership(actor=None, user=user, hospital=hospital, role=role)
    return user


def names(count: int, syllables: int, noise: np.random.Generator) -> list[str]:
    """So many names of nobody, each about as frequent as the others."""
    parts = [
        "".join(noise.choice(part) for part in (ONSETS, VOWELS, CODAS))
        for _ in range(count * syllables)
    ]
    return [
        "".join(parts[place * syllables : (place + 1) * syllables]).title()
        for place in range(count)
    ]
