"""Filling the database with synthetic records: everything holds, and it looks like an archive."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F

from clinic.models import AuditEvent, Hospital, Image, Lesion, Membership, Patient
from clinic.services.audit import verify_chains
from clinic.views.paging import PAGE_SIZE
from diagnosis.demo.fill import draw, people, pictures, tables
from diagnosis.models import DiagnosisRequest, Histopathology, Prediction, Review

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(monkeypatch) -> str:
    """What the command printed for a hundred patients."""
    # VACUUM runs in no transaction, and a test is one
    monkeypatch.setattr(tables, "tidy", lambda: None)
    output = StringIO()
    call_command("fill", patients=120, stdout=output)
    return output.getvalue()


def test_it_fills(filled: str) -> None:
    counts = (Patient.objects.count(), Image.objects.count(), DiagnosisRequest.objects.count())
    assert counts == (120, 600, 600)
    assert AuditEvent.objects.filter(hospital__isnull=False).count() >= 120 * 15
    assert list(verify_chains()) == []
    # what repeats the prediction and the review was checked by triggers; that it is there:
    read = DiagnosisRequest.objects.filter(status="succeeded")
    assert read.exclude(label="").count() == Prediction.objects.count() == read.count() > 550
    signed = DiagnosisRequest.objects.exclude(conclusion="")
    assert signed.count() == Review.objects.count() > 300
    waiting = DiagnosisRequest.objects.unsigned()
    assert 100 < waiting.count() < 300
    # open recalls and findings are repeated on the requests
    recalled = DiagnosisRequest.objects.filter(recall_on__isnull=False)
    assert recalled.exclude(recall_on=F("signed_review__recall_on")).count() == 0
    assert 10 < recalled.count() < Review.objects.filter(recall_on__isnull=False).count()
    found = DiagnosisRequest.objects.filter(finding__isnull=False)
    assert found.filter(image__lesion__histopathology__diagnosis=F("finding")).count() > 20
    assert Histopathology.objects.count() > 20
    assert not Lesion.objects.annotate(n=Count("images")).filter(n=0).exists()
    by_label = dict(read.values_list("label").annotate(n=Count("pk")))
    assert max(by_label, key=lambda label: by_label[label]) == "nevus"
    files = len(pictures.HAM10000) * pictures.FILES_PER_CLASS
    assert Image.objects.values("file").distinct().count() <= files
    assert "filled-doctor-01-1" in filled
    # a full page of staff at every size, of whom the further ones do nothing
    largest = Membership.objects.filter(hospital__name="Filled Hospital 01")
    assert largest.count() > PAGE_SIZE
    assert "colleague" not in filled

    with pytest.raises(CommandError, match="filled already"):
        call_command("fill", patients=120)


def test_it_wants_a_hundred_patients() -> None:
    with pytest.raises(CommandError, match="at least 100"):
        call_command("fill", patients=99)
    assert not Hospital.objects.exists()


@pytest.mark.parametrize(("patients", "hospitals"), [(100, 3), (5000, 10), (200_000, 20)])
def test_hospitals_differ_in_size(patients: int, hospitals: int) -> None:
    sizes = people.sizes(patients)
    assert (len(sizes), sum(sizes)) == (hospitals, patients)
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    assert sizes[-1] == min(40, patients // 5)


def test_a_small_archive_is_a_young_one() -> None:
    assert [draw.years_of(n) for n in (100, 5000, 200_000)] == [0.5, 2, 8]
