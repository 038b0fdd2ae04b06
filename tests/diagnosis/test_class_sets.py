"""Models of two and of eight classes: registered, read with, shown, and answered over the API."""

from pathlib import Path

import pytest
from django.urls import reverse

from clinic.models import Lesion
from diagnosis.inference import Reader
from diagnosis.interpretation import interpret
from diagnosis.models import DiagnosisRequest, Status
from ml import taxonomy
from tests.api_client import API
from tests.api_client import client as api_client
from tests.checkpoints import registered
from tests.factories import DiagnosisRequestFactory, ImageFactory, LesionFactory, doctor

pytestmark = pytest.mark.django_db

SETS = [taxonomy.MELANOMA_OR_NOT, taxonomy.MALIGNANT_OR_NOT, taxonomy.ISIC2019]


@pytest.fixture
def lesion(db) -> Lesion:
    return LesionFactory()


@pytest.fixture(params=SETS, ids=["melanoma_or_not", "malignant_or_not", "isic2019"])
def answered(request, tmp_path: Path, lesion: Lesion) -> DiagnosisRequest:
    model = registered(tmp_path / "checkpoint", classes=list(request.param), metrics={})
    asked = DiagnosisRequestFactory(image=ImageFactory(lesion=lesion), model_version=model)
    reader = Reader()
    reader.drain(seconds=60)
    reader.decoders.shutdown()
    asked.refresh_from_db()
    return asked


def test_it_is_read_and_interpreted(answered: DiagnosisRequest) -> None:
    assert answered.status == Status.SUCCEEDED
    prediction, model = answered.prediction, answered.model_version
    assert set(prediction.probabilities) == set(model.labels)
    assert set(model.labels) <= set(taxonomy.BY_ANSWER)
    malignant = [label for label in model.labels if taxonomy.BY_ANSWER[label].malignant]
    risk = sum(prediction.probabilities[label] for label in malignant)
    assert prediction.malignancy_probability == pytest.approx(risk)
    found = interpret(prediction.probabilities, risk, model.manifest["thresholds"])
    assert {entry.label for entry in found.ranked} == set(model.labels)
    assert all(entry.name for entry in found.ranked)


def test_its_page_and_the_api_show_it(answered: DiagnosisRequest, client) -> None:
    user = doctor(answered.hospital)
    client.force_login(user)
    assert client.get(reverse("diagnosis", args=[answered.pk])).status_code == 200
    prediction = api_client(user).get(f"{API}/diagnoses/{answered.pk}/").json()["prediction"]
    assert {entry["label"] for entry in prediction["ranked"]} == set(answered.model_version.labels)
