"""What a model saw is kept with each reading, and a model with a context reads beside it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from clinic.models import Patient
from diagnosis.api.shapes import prediction_of
from diagnosis.inference import Reader, read_checkpoint
from diagnosis.models import DiagnosisRequest, ImageFeatures, ModelVersion, Status
from diagnosis.services.features import features_of_others, keep_features, pack, unpack
from diagnosis.services.model_versions import register_model
from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.recipes import get_recipe, shrink
from tests.checkpoints import registered
from tests.factories import (
    DiagnosisRequestFactory,
    ImageFactory,
    LesionFactory,
    ModelVersionFactory,
    PatientFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint of the recipe that also looks at the patient's other lesions."""
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("context")
    recipe = shrink(get_recipe("efficientnet_b0_context"))
    model = build_classifier(recipe.architecture, len(recipe.classes)).eval()
    save_checkpoint(made, model, describe(recipe, "1"))
    return made


@pytest.fixture
def model(folder: Path) -> ModelVersion:
    raw, card = read_checkpoint(folder)
    return register_model(actor=None, folder=folder, manifest=raw, card=card)


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.decoders.shutdown()


def ask(patient: Patient, model: ModelVersion, image=None) -> DiagnosisRequest:
    image = image or ImageFactory(lesion=LesionFactory(patient=patient))
    return DiagnosisRequestFactory(image=image, model_version=model)


def read(reader: Reader, *requests: DiagnosisRequest) -> list[dict[str, float]]:
    """Their probabilities, read in one batch."""
    assert reader.drain(seconds=60) is False
    for request in requests:
        request.refresh_from_db()
        assert request.status == Status.SUCCEEDED
    return [request.prediction.probabilities for request in requests]


def used(request: DiagnosisRequest) -> int | None:
    shown = prediction_of(request)
    assert shown is not None
    return shown["patient_images_used"]


def test_features_are_kept_with_each_reading(reader: Reader, tmp_path: Path) -> None:
    plain = registered(tmp_path / "plain")
    requests = [ask(PatientFactory(), plain) for _ in range(2)]
    read(reader, *requests)
    rows = {row.image_id: row for row in ImageFeatures.objects.filter(model_version=plain)}
    assert set(rows) == {request.image_id for request in requests}
    assert all(unpack(row.values).shape == (4,) for row in rows.values())
    assert [used(request) for request in requests] == [None, None]


def test_reading_again_keeps_one_row(reader: Reader, tmp_path: Path) -> None:
    plain = registered(tmp_path / "plain")
    first = ask(PatientFactory(), plain)
    read(reader, first)
    kept = bytes(ImageFeatures.objects.get().values)
    ImageFeatures.objects.update(values=b"\0\0")
    read(reader, ask(first.image.lesion.patient, plain, first.image))
    assert bytes(ImageFeatures.objects.get().values) == kept


def test_the_second_reading_sees_the_first(reader: Reader, model: ModelVersion) -> None:
    patient = PatientFactory()
    first, second = ask(patient, model), None
    read(reader, first)
    second = ask(patient, model)
    (beside,) = read(reader, second)
    assert (used(first), used(second)) == (0, 1)

    ImageFeatures.objects.exclude(image=second.image).delete()
    (alone,) = read(reader, ask(patient, model, second.image))
    assert beside != alone


def test_images_of_one_batch_see_each_other(reader: Reader, model: ModelVersion) -> None:
    patient = PatientFactory()
    stranger = ask(PatientFactory(hospital=patient.hospital), model)
    together = [ask(patient, model) for _ in range(3)]
    found = read(reader, stranger, *together)
    assert [used(request) for request in [stranger, *together]] == [0, 2, 2, 2]
    # each read once more beside what is kept by now: the same images, the same answer
    for request, probabilities in zip(together, found[1:], strict=True):
        (again,) = read(reader, ask(patient, model, request.image))
        assert again == pytest.approx(probabilities, abs=1e-3)


def test_nothing_leaks_from_others(reader: Reader, model: ModelVersion, tmp_path: Path) -> None:
    """Neither another patient's, nor another hospital's, nor another version's."""
    patient = PatientFactory()
    request = ask(patient, model)
    (alone,) = read(reader, request)
    near = PatientFactory(hospital=patient.hospital)
    far = PatientFactory(medical_record_number=patient.medical_record_number)
    for stranger in (near, far):
        read(reader, ask(stranger, model))
    own = ImageFactory(lesion=request.image.lesion)
    keep_features(ModelVersionFactory(), {own.pk: pack(np.ones(16))})
    again = ask(patient, model, request.image)
    (beside,) = read(reader, again)
    assert used(again) == 0
    assert beside == pytest.approx(alone, abs=1e-6)


def test_the_newest_others_are_found_in_one_query(
    model: ModelVersion, django_assert_num_queries
) -> None:
    patient, other = PatientFactory(), PatientFactory()
    images = [ImageFactory(lesion=LesionFactory(patient=patient)) for _ in range(5)]
    keep_features(model, {image.pk: pack(np.array([n])) for n, image in enumerate(images[:4])})
    batch = [images[3], images[4], ImageFactory(lesion=LesionFactory(patient=other))]
    with django_assert_num_queries(1):
        kept, mates = features_of_others(model, batch, most=2)
    assert [[float(row[0]) for row in rows] for rows in kept] == [[2, 1], [3, 2], []]
    # the fifth is in the batch and nothing is kept of it; the fourth is known already
    assert mates.tolist() == [[False, True, False], [False] * 3, [False] * 3]


def test_half_precision_holds_what_it_can() -> None:
    values = np.array([1.0, -2.5, 1e9, -1e9])
    assert unpack(pack(values)).tolist() == [1.0, -2.5, 65504.0, -65504.0]
