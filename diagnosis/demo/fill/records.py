"""The rows of one hospital: patients, lesions, images, readings and reviews."""

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clinic.models import Image, Lesion, Patient
from clinic.vocabulary import AnatomSite, Laterality
from diagnosis.demo.fill.draw import MALIGNANT, Draw
from diagnosis.demo.fill.people import Site
from diagnosis.demo.fill.pictures import FILES_PER_CLASS, File
from diagnosis.demo.fill.tables import Row, write_rows
from diagnosis.interpretation import risk_of
from diagnosis.models import (
    DiagnosisRequest,
    Histopathology,
    Management,
    ModelVersion,
    Prediction,
    Review,
)
from ml.taxonomy import BY_CODE, HAM10000

CLASSES = [BY_CODE[code] for code in HAM10000]
LABELS = [entry.label for entry in CLASSES]
# of a thousand orders
FAILED, REJECTED, CANCELLED = 5, 6, 5
AGREEMENT = 0.86
# what has not been signed yet: the newest, and a few that were forgotten
UNSIGNED, FORGOTTEN = 0.02, 0.002
LEAST_UNSIGNED = 60
RECALL_DAYS, LABORATORY_DAYS = (91, 182, 365), 7
SITES, SIDES = list(AnatomSite.values), [*Laterality.values, None]
SEXES = ("female", "male", "other", "unknown")
SKIN_TYPES = ("I", "II", "III", "IV", "V", "VI", None)


@dataclass
class Written:
    """What the audit log will tell of: (seconds, actor, action, type, key, details)."""

    events: list[tuple[int, str, str, str, str, str]] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass
class Writer:
    """Writes chunk after chunk of one hospital's patients."""

    site: Site
    model: ModelVersion
    files: list[File]
    family_names: list[str]
    given_names: list[str]
    now: datetime.datetime
    noise: np.random.Generator
    written: Written = field(default_factory=Written)

    def __post_init__(self) -> None:
        self.hospital = self.site.hospital.pk.hex
        self.staff = [user.pk.hex for user in self.site.doctors]
        self.names = {user.pk.hex: str(user.pk) for user in self.site.doctors}

    def write(self, found: Draw, first: int, unsigned_since: int) -> None:
        """``first`` is the place of the chunk's first patient, ``unsigned_since`` when the rows
        begin that nobody has signed yet."""
        patients, lesions = self.ids(found.patients), self.ids(found.lesions)
        images = self.ids(len(found.at))
        doctors = self.noise.integers(0, len(self.staff), len(found.at))
        self.write_patients(found, patients, first)
        self.write_lesions(found, patients, lesions)
        self.write_images(found, lesions, images, doctors)
        self.write_readings(found, lesions, images, doctors, unsigned_since)
        self.written.patients += patients

    def ids(self, count: int) -> list[str]:
        """Random identifiers of version 4, as 32 digits."""
        digits = self.noise.bytes(16 * count).hex()
        found = (digits[place : place + 32] for place in range(0, 32 * count, 32))
        return [f"{text[:12]}4{text[13:16]}a{text[17:]}" for text in found]

    def write_patients(self, found: Draw, keys: list[str], first: int) -> None:
        created = earliest(found.patient, found.at, found.patients)
        count, noise = found.patients, self.noise
        family = noise.integers(0, len(self.family_names), count)
        given = noise.integers(0, len(self.given_names), count)
        born = noise.normal(55, 17, count).clip(5, 95) * 365.25
        sex = noise.choice(4, count, p=(0.53, 0.46, 0.005, 0.005))
        skin = noise.choice(7, count, p=(0.06, 0.34, 0.3, 0.1, 0.05, 0.02, 0.13))
        own, kin = noise.random(count) < 0.06, noise.random(count) < 0.1
        rows = [
            (
                *(keys[i], moment(created[i]), self.hospital, f"F-{first + i:06}"),
                *(self.given_names[given[i]], self.family_names[family[i]]),
                (self.now.date() - datetime.timedelta(days=int(born[i]))).isoformat(),
                *(SEXES[sex[i]], SKIN_TYPES[skin[i]], bool(own[i]), bool(kin[i])),
            )
            for i in range(count)
        ]
        columns = (
            "id created_at hospital_id medical_record_number given_name family_name birth_date"
        )
        more = "sex skin_type personal_history_of_melanoma family_history_of_melanoma"
        write_rows(Patient, f"{columns} {more}".split(), rows)

    def write_lesions(self, found: Draw, patients: list[str], keys: list[str]) -> None:
        created = earliest(found.lesion, found.at, found.lesions)
        site = self.noise.integers(0, len(SITES), found.lesions)
        side = self.noise.integers(0, len(SIDES), found.lesions)
        rows = [
            (
                *(keys[i], moment(created[i]), patients[found.patient_of_lesion[i]], self.hospital),
                *("", SITES[site[i]], SIDES[side[i]], ""),
            )
            for i in range(found.lesions)
        ]
        columns = "id created_at patient_id hospital_id label anatom_site laterality notes"
        write_rows(Lesion, columns.split(), rows)

    def write_images(self, found: Draw, lesions: list[str], keys: list[str], doctors: Any) -> None:
        seen: dict[int, int] = {}
        rows = []
        for i, lesion in enumerate(found.lesion.tolist()):
            # pictures of one lesion differ: both files of the class, then those of the others
            place = seen[lesion] = seen.get(lesion, -1) + 1
            chosen = found.truth[i] + len(LABELS) * (place % FILES_PER_CLASS)
            file = self.files[(chosen + place // FILES_PER_CLASS) % len(self.files)]
            rows.append(
                (
                    *(keys[i], moment(found.at[i]), lesions[lesion], self.hospital, "dermoscopic"),
                    *("contact polarized", moment(found.at[i] - 60), file.file, file.thumbnail),
                    *(file.media_type, file.byte_size, file.width, file.height, file.sha256),
                    *(file.quality, self.staff[doctors[i]]),
                )
            )
        columns = "id created_at lesion_id hospital_id image_type dermoscopic_type captured_at"
        more = "file thumbnail media_type byte_size width height sha256 quality uploaded_by_id"
        write_rows(Image, f"{columns} {more}".split(), rows)

    def write_readings(
        self,
        found: Draw,
        lesions: list[str],
        images: list[str],
        doctors: Any,
        unsigned_since: int,
    ) -> None:
        keys, answers = self.ids(len(images)), self.ids(len(images))
        lots = self.noise.integers(0, 1000, len(images))
        predictions, requests = [], []
        for i, at in enumerate(found.at.tolist()):
            state, code = state_of(lots[i])
            reading: Row = ("", -1, -1, "")
            if state == "succeeded":
                answer = int(found.answer[i])
                shares = found.probabilities[i]
                malignancy = min(1.0, float(shares[MALIGNANT].sum()))
                predictions.append(
                    prediction_row(answers[i], at + 3, shares.tolist(), answer, malignancy)
                )
                risk = risk_of(malignancy, CLASSES[answer].malignant, self.model.thresholds)
                reading = (LABELS[answer], malignancy, CLASSES[answer].severity, risk.value)
            started = None if state == "cancelled" else moment(at + 1)
            requests.append(
                (
                    *(keys[i], moment(at), images[i], self.hospital, self.model.pk.hex),
                    *(self.staff[doctors[i]], 0, state, 0 if started is None else 1, started),
                    *(moment(at + 3), answers[i] if state == "succeeded" else None, code),
                    *(*reading, "", ""),
                )
            )
            details = f'{{"image":"{dashed(images[i])}","model_version":"{self.model.pk}"}}'
            self.note(at, doctors[i], "request_diagnosis", DiagnosisRequest, keys[i], details)
        columns = "id created_at probabilities label probability malignancy_probability"
        more = "device batch_size seconds"
        write_rows(Prediction, f"{columns} {more}".split(), predictions)
        columns = "id created_at image_id hospital_id model_version_id requested_by_id priority"
        more = "status attempts started_at finished_at prediction_id failure_code label malignancy"
        noted = "severity risk conclusion trace_id"
        write_rows(DiagnosisRequest, f"{columns} {more} {noted}".split(), requests)
        self.written.requests += keys
        self.write_reviews(found, lesions, keys, lots, doctors, unsigned_since)

    def write_reviews(
        self,
        found: Draw,
        lesions: list[str],
        requests: list[str],
        lots: Any,
        doctors: Any,
        unsigned_since: int,
    ) -> None:
        count = len(requests)
        keys, luck = self.ids(count), self.noise.random((count, 3))
        waited = (self.noise.lognormal(9.5, 1.4, count)).astype(np.int64) + 60
        latest = int(self.now.timestamp()) - 60
        rows = []
        excised: dict[int, tuple[int, str]] = {}
        for i, at in enumerate(found.at.tolist()):
            waits = at >= unsigned_since or luck[i, 0] < FORGOTTEN
            if waits or state_of(lots[i])[0] != "succeeded":
                continue
            agrees = luck[i, 1] < AGREEMENT
            conclusion = int(found.answer[i] if agrees else found.truth[i])
            signer = self.staff[doctors[i]]
            signed = min(at + 3 + int(waited[i]), latest)
            management = management_of(conclusion, luck[i, 0])
            rows.append(
                (
                    *(keys[i], moment(signed), requests[i], LABELS[conclusion], management, ""),
                    *(signer, signer, moment(signed), recall_of(management, signed, luck[i, 2])),
                )
            )
            if management == Management.EXCISE:
                excised.setdefault(int(found.lesion[i]), (signed, signer))
            details = f'{{"amends":null,"request":"{dashed(requests[i])}"}}'
            self.note(signed, doctors[i], "sign_review", Review, keys[i], details)
        columns = "id created_at request_id conclusion management notes author_id signed_by_id"
        write_rows(Review, f"{columns} signed_at recall_on".split(), rows)
        self.write_findings(found, lesions, excised)

    def write_findings(
        self, found: Draw, lesions: list[str], excised: dict[int, tuple[int, str]]
    ) -> None:
        """The laboratory's answer for each excised lesion: what it truly was."""
        truth = dict(zip(found.lesion.tolist(), found.truth.tolist(), strict=True))
        latest = int(self.now.timestamp()) - 30
        rows = []
        for key, (lesion, (signed, signer)) in zip(
            self.ids(len(excised)), excised.items(), strict=True
        ):
            at = min(signed + LABORATORY_DAYS * 86400, latest)
            rows.append(
                (
                    *(key, moment(at), lesions[lesion], LABELS[truth[lesion]], "Laboratory"),
                    *(moment(at)[:10], "", signer),
                )
            )
        columns = "id created_at lesion_id diagnosis confirmed_by date notes recorded_by_id"
        write_rows(Histopathology, columns.split(), rows)

    def note(self, at: int, doctor: int, action: str, model: Any, key: str, details: str) -> None:
        actor = self.names[self.staff[doctor]]
        name = model._meta.model_name
        self.written.events.append((at, actor, action, name, dashed(key), details))


def unsigned_since(at: Any) -> int:
    """When the readings begin that still wait: the newest fiftieth, at least a page or two."""
    share = max(UNSIGNED, min(0.3, LEAST_UNSIGNED / len(at)))
    return int(np.quantile(at, 1 - share))


def earliest(group: Any, at: Any, groups: int) -> Any:
    """The first time of each group, a minute before."""
    found = np.full(groups, np.iinfo(np.int64).max)
    np.minimum.at(found, group, at)
    return found - 60


def prediction_row(
    key: str, at: int, shares: list[float], answer: int, malignancy: float
) -> tuple[Any, ...]:
    probabilities = json.dumps(dict(zip(LABELS, shares, strict=True)))
    facts = (LABELS[answer], shares[answer], malignancy)
    return (key, moment(at), probabilities, *facts, "cpu", 16, 0.8)


def state_of(lot: int) -> tuple[str, str]:
    """State and failure code."""
    if lot < FAILED:
        return "failed", "prediction_error"
    if lot < FAILED + REJECTED:
        return "rejected", "not_a_lesion"
    if lot < FAILED + REJECTED + CANCELLED:
        return "cancelled", ""
    return "succeeded", ""


def management_of(conclusion: int, luck: float) -> str:
    if CLASSES[conclusion].malignant:
        return Management.EXCISE if luck < 0.8 else Management.REFER
    return Management.NONE if luck < 0.6 else Management.MONITOR


def recall_of(management: str, signed: int, luck: float) -> str | None:
    """Half of what is monitored is to be seen again, in three, six or twelve months."""
    if management != Management.MONITOR or luck < 0.5:
        return None
    return moment(signed + RECALL_DAYS[int(luck * 100) % len(RECALL_DAYS)] * 86400)[:10]


def moment(seconds: Any) -> str:
    at = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def dashed(key: str) -> str:
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of each chunk."""
    for first in range(0, total, size):
        yield first, min(total, first + size)
