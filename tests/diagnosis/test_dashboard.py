"""The dashboard's figures, its charts, and the files of the report: CSV, PDF and ZIP."""

import csv
import datetime
import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from reportlab.graphics.shapes import Rect, String

from clinic.details import details_in_words
from clinic.models import AuditEvent, Hospital
from clinic.periods import Period
from clinic.services.audit import verify_chains
from diagnosis import report_charts
from diagnosis.charts import BROADEST, HEIGHT, WIDTH, Column, columns, scale
from diagnosis.documents import pdf
from diagnosis.documents.report import MOST_ROWS, figure_parts
from diagnosis.models import DiagnosisRequest
from diagnosis.services.confirmed import AI, DOCTOR, confirmed
from diagnosis.services.dashboard import dashboard, step_of
from diagnosis.services.reports import hospital_report
from diagnosis.services.scorecard import Share
from tests.api_client import API, client
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    MembershipFactory,
    ModelVersionFactory,
    ReviewFactory,
    administrator,
    doctor,
)
from tests.threads import needs_postgresql

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> Hospital:
    return HospitalFactory(name="Alpha")


@pytest.fixture
def user(hospital):
    return doctor(hospital, first_name="Ada", last_name="Signer")


@pytest.fixture
def page(user) -> Client:
    found = Client()
    found.force_login(user)
    return found


@pytest.fixture
def image(hospital):
    return ImageFactory(lesion__patient__hospital=hospital)


def signed(image, label: str, conclusion: str, hours: float, days: int = 0):
    """A reading of ``label`` that was signed so many hours after its answer, so many days ago."""
    at = timezone.now() - datetime.timedelta(days=days)
    row = DiagnosisRequestFactory(
        image=image,
        succeeded=True,
        prediction__label=label,
        prediction__probability=0.9,
        created_at=at,
        finished_at=at,
    )
    ReviewFactory(
        request=row,
        conclusion=conclusion,
        signed=True,
        signed_at=at + datetime.timedelta(hours=hours),
    )
    return row


# Figures ------------------------------------------------------------------------------------------


def test_the_figures_are_what_one_counts_by_hand(user, image) -> None:
    signed(image, "melanoma", "melanoma", hours=0.5)
    signed(image, "melanoma", "nevus", hours=3)
    signed(image, "nevus", "nevus", hours=30, days=3)
    DiagnosisRequestFactory(image=image, failed=True)

    totals, found = dashboard(hospital_report(actor=user), Period())

    assert (totals.requests, totals.reviewed, totals.agreed) == (4, 3, 2)
    assert found.bands == {"high": 2, "low": 1, "unread": 1}
    assert sum(counts.total() for counts in found.volume.values()) == 4
    assert found.pairs == {
        ("melanoma", "melanoma"): 1,
        ("melanoma", "nevus"): 1,
        ("nevus", "nevus"): 1,
    }
    assert found.waits == [1, 1, 0, 1, 0, 0]
    assert found.agreement == [("melanoma", 2, 1), ("nevus", 1, 1)]
    assert found.missed == [("melanoma", "nevus", 1)]


def test_nothing_has_figures_too(user) -> None:
    totals, found = dashboard(hospital_report(actor=user), Period())
    assert (totals.requests, found.volume, found.agreement) == (0, {}, [])


@pytest.mark.parametrize(
    ("days", "step"), [(0, "day"), (31, "day"), (32, "week"), (186, "week"), (187, "month")]
)
def test_a_longer_period_has_longer_steps(days: int, step: str) -> None:
    assert step_of(datetime.timedelta(days=days))[0] == step


def test_the_queries_do_not_grow(user, image, django_assert_num_queries) -> None:
    today = timezone.localdate()
    for _ in range(2):
        for days in range(5):
            signed(image, "nevus", "nevus", hours=1, days=days)
        rows = hospital_report(actor=user)
        with django_assert_num_queries(3):
            dashboard(rows, Period())
        with django_assert_num_queries(2):
            dashboard(rows, Period(today, today))


# Charts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, [0, 1, 2, 3, 4]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6, 8]),
        (17, [0, 5, 10, 15, 20]),
        (900, [0, 500, 1000, 1500, 2000]),
    ],
)
def test_a_scale_has_round_numbers(most: int, ticks: list[int]) -> None:
    assert scale(most) == ticks


def test_columns_stand_in_their_box_and_stack_without_gaps() -> None:
    data = [Column(str(n), [("high", "High", n), ("low", "Low", 2 * n)]) for n in range(30)]
    chart = columns(data)
    assert len(chart.bars) == 2 * 29
    for high, low in zip(chart.bars[::2], chart.bars[1::2], strict=True):
        assert low.y + low.height == pytest.approx(high.y, abs=0.02)
        assert low.height == pytest.approx(2 * high.height, abs=0.02)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in chart.bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert len(chart.names) <= 8
    assert columns([]).bars == []


def test_one_column_alone_is_a_column_and_no_wall() -> None:
    [bar] = columns([Column("01-02", [("high", "High", 3)])]).bars
    assert bar.width == BROADEST
    assert bar.x + bar.width / 2 == WIDTH / 2


@pytest.mark.parametrize(("count", "named", "on_a_phone"), [(1, 1, 1), (6, 6, 6), (7, 7, 4)])
def test_on_a_phone_every_second_of_many_names_gives_way(count, named, on_a_phone) -> None:
    names = columns([Column(f"01-{n:02}", []) for n in range(count)]).names
    assert (len(names), sum(not name.spare for name in names)) == (named, on_a_phone)


def test_a_name_of_several_words_stands_in_two_lines() -> None:
    [name] = columns([Column("within 4 hours", [])]).names
    (first, upper), (second, lower) = name.lines
    assert (upper, lower) == ("within", "4 hours")
    assert first < second < HEIGHT


def test_the_table_behind_a_chart_holds_its_numbers(user, image) -> None:
    signed(image, "melanoma", "melanoma", hours=0.5)
    found = dashboard(hospital_report(actor=user), Period())[1]
    head, rows = report_charts.volume_table(found)
    assert head[1:] == ["High risk", "Medium risk", "Low risk", "Without an answer", "Orders"]
    assert rows[0][1:] == [1, 0, 0, 0, 1]
    assert report_charts.waits_table(found)[1][0] == ["within 1 hour", 1, 1.0]


# The page -----------------------------------------------------------------------------------------


def test_the_page_draws_charts_with_tables_behind(page, image) -> None:
    signed(image, "melanoma", "nevus", hours=2)
    response = page.get(reverse("hospital-report")).content.decode()
    assert response.count('<svg class="columns" role="img"') == 2
    assert response.count("<summary>As a table</summary>") == 2
    assert "AI Melanoma, doctor Nevus (1)" in response
    # the policy of the page forbids styles of an element
    assert not re.search(r"\sstyle=", response)


def test_the_page_begins_with_the_last_month(page, image) -> None:
    signed(image, "melanoma", "melanoma", hours=1, days=40)
    nothing = page.get(reverse("hospital-report"))
    assert nothing.context["totals"].requests == 0
    assert "– of the" not in nothing.content.decode()
    everything = page.get(reverse("hospital-report"), {"from": "", "to": ""})
    assert everything.context["totals"].requests == 1
    risky = page.get(reverse("hospital-report"), {"from": "", "risk": "low"})
    assert risky.context["totals"].requests == 0


# Files --------------------------------------------------------------------------------------------


def test_the_document_names_the_colours_of_its_chart() -> None:
    parts = pdf.legend([("high", "High risk"), ("low", "Low risk")]).contents
    colours = [part.fillColor for part in parts if isinstance(part, Rect)]
    assert colours == [pdf.KINDS["high"], pdf.KINDS["low"]]
    names = [part for part in parts if isinstance(part, String)]
    assert [part.text for part in names] == ["High risk", "Low risk"]
    assert names[0].x < names[1].x


def test_the_chart_of_the_document_stands_on_its_paper() -> None:
    data = [Column(f"within {n} days", [("high", "High", n), ("low", "Low", 1)]) for n in range(9)]
    chart = pdf.drawing(columns(data))
    bars = [part for part in chart.contents if isinstance(part, Rect)]
    floor = min(bar.y for bar in bars)
    assert all(bar.x >= pdf.SCALE and bar.x + bar.width <= chart.width for bar in bars)
    assert all(bar.y > 0 and bar.y + bar.height <= chart.height for bar in bars)
    # two lines of words under the floor of the bars
    words = [part for part in chart.contents if isinstance(part, String) and part.x > pdf.SCALE]
    assert len({part.y for part in words}) == 2
    assert all(0 <= part.y < floor for part in words)


def test_the_document_is_a_pdf_of_the_report(page, user, image) -> None:
    image.lesion.patient.medical_record_number = "<b>Ωmega & Дом</b>"
    image.lesion.patient.save()
    signed(image, "melanoma", "nevus", hours=2)

    response = page.get(reverse("hospital-report-pdf"))

    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    assert b"Hospital report: Alpha" in response.content
    # the fonts travel with the file
    assert response.content.count(b"/FontFile2") == 2
    event = AuditEvent.objects.get(action="export_hospital_report")
    assert event.details == {"format": "pdf", "by": [], "filters": {}}
    assert client(user).get(f"{API}/reports/hospital/?format=pdf").content.startswith(b"%PDF-")


def test_what_was_not_read_is_called_what_it_is(page, user, image) -> None:
    """A photograph of the moon is no failure of the machines."""
    DiagnosisRequestFactory.create_batch(2, image=image, rejected=True)
    DiagnosisRequestFactory(image=image, failed=True)

    shown = " ".join(page.get(reverse("hospital-report")).content.decode().split())
    figures = dashboard(DiagnosisRequest.objects.visible_to(user), Period(None, None))[0]
    (paper,) = (part for part in figure_parts(figures) if hasattr(part, "_cellvalues"))

    assert "none waiting, 2 not readable as a lesion, 1 failed<" in shown
    rows = [[cell[0].getPlainText() for cell in row] for row in paper._cellvalues]
    assert ["Not readable as a lesion", "2"] in rows
    assert ["Failed", "1"] in rows
    assert "Cancelled" not in str(rows)


FILES = ["page csv", "page pdf", "page zip", "api csv", "api pdf"]


@pytest.mark.parametrize("file", FILES)
def test_the_log_says_what_left_the_house(page, user, hospital, file) -> None:
    way, kind = file.split()
    asked = {"from": "2026-01-01", "to": "2026-01-31", "label": "melanoma"}
    asked |= {"reviewed": "no" if way == "page" else "false"}
    if way == "page":
        asked |= {"risk": "high"}
        page.get(reverse(f"hospital-report-{kind}"), asked)
    else:
        client(user).get(f"{API}/reports/hospital/", asked | {"format": kind})

    event = AuditEvent.objects.get(action="export_hospital_report")
    assert event.details["format"] == kind
    assert event.details["by"] == sorted(asked)
    assert event.details["filters"] == asked | {"reviewed": False}
    risk = ", risk High risk" if way == "page" else ""
    assert details_in_words(event).startswith(
        "filtered by: from 2026-01-01, to 2026-01-31, class Melanoma, review not signed"
        f"{risk}; format: {kind.upper()}"
    )
    assert list(verify_chains()) == []


def test_the_log_names_the_hospital_of_a_file(page, user, hospital) -> None:
    MembershipFactory(user=user, hospital=HospitalFactory())
    boss = Client()
    boss.force_login(administrator(hospital))

    page.get(reverse("hospital-report-csv"), {"hospital": str(hospital.pk)})
    client(user).get(f"{API}/reports/hospital/", {"hospital": str(hospital.pk), "format": "csv"})

    shown = boss.get(reverse("audit-log"), {"action": "export_hospital_report"}).content.decode()
    assert shown.count(f"filtered by: hospital {hospital.name}; format: CSV") == 2


@pytest.mark.parametrize("count", [0, 3])
def test_a_document_of_few_or_no_rows(page, image, count, monkeypatch) -> None:
    monkeypatch.setattr("diagnosis.documents.report.MOST_ROWS", 2)
    DiagnosisRequestFactory.create_batch(count, image=image, failed=True)
    assert page.get(reverse("hospital-report-pdf")).status_code == 200
    assert MOST_ROWS > 2


def test_the_archive_holds_each_picture_once_and_says_what_it_is(page, hospital, image) -> None:
    row = signed(image, "melanoma", "nevus", hours=2)
    again = DiagnosisRequestFactory(image=image, failed=True)
    lost = ImageFactory(lesion__patient__hospital=hospital)
    missing = DiagnosisRequestFactory(image=lost, failed=True)
    default_storage.delete(lost.file.name)
    elsewhere = DiagnosisRequestFactory(succeeded=True)

    response = page.get(reverse("hospital-report-zip"))
    assert response.streaming
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))

    name = f"images/{image.pk}.jpg"
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [name, "metadata.csv"]
    with default_storage.open(image.file.name) as stored:
        assert archive.read(name) == stored.read()
    lines = archive.read("metadata.csv").decode().removeprefix("\ufeff")
    rows = {line["Order"]: line for line in csv.DictReader(io.StringIO(lines))}
    assert set(rows) == {str(row.pk), str(again.pk), str(missing.pk)}
    assert (rows[str(row.pk)]["File"], rows[str(again.pk)]["File"]) == (name, name)
    assert rows[str(missing.pk)]["File"] == ""
    assert rows[str(row.pk)]["AI: most likely class"] == "Melanoma"
    assert str(elsewhere.pk) not in lines


@pytest.mark.parametrize("name", ["csv", "pdf", "zip"])
def test_no_file_of_a_period_that_makes_no_sense(page, name) -> None:
    address = reverse(f"hospital-report-{name}")
    response = page.get(address, {"from": "2026-02-01", "to": "2026-01-01"})
    assert response.status_code == 400
    assert not AuditEvent.objects.filter(action="export_hospital_report").exists()


def test_a_hundred_thousand_rows_are_streamed(page, image) -> None:
    needs_postgresql()
    model = ModelVersionFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO diagnosis_diagnosisrequest (id, created_at, image_id, hospital_id, "
            "model_version_id, requested_by_id, priority, status, attempts, finished_at, "
            "failure_code, label, malignancy, severity, risk, conclusion, trace_id) "
            "SELECT gen_random_uuid(), now() - n * interval '1 second', %s, %s, %s, %s, 0, "
            "'cancelled', 0, now(), '', '', -1, -1, '', '', '' FROM generate_series(1, 100000) n",
            [image.pk, image.lesion.patient.hospital_id, model.pk, image.uploaded_by_id],
        )
    response = page.get(reverse("hospital-report-csv"), {"from": "", "to": ""})
    lines, memory = 0, []
    for part in response.streaming_content:
        lines += part.count(b"\n")
        if lines % 5000 == 0:
            memory.append(resident_bytes())
    assert lines == 100_001
    # the file has 25 MB, a chunk of rows one: what is held does not grow with the rows
    assert max(memory) - memory[0] < 8 * 1024**2


def resident_bytes() -> int:
    """Of this process, now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


# Against histopathology ---------------------------------------------------------------------------


def test_opinions_are_held_to_the_newest_finding(page, user, image) -> None:
    assert "Against histopathology" not in page.get(reverse("hospital-report")).content.decode()
    # found out as a melanoma, after a first finding that was wrong
    HistopathologyFactory(lesion=image.lesion, diagnosis="nevus")
    HistopathologyFactory(lesion=image.lesion, diagnosis="melanoma")
    signed(image, "melanoma", "nevus", 1)
    signed(image, "basal_cell_carcinoma", "melanoma", 1)
    benign = ImageFactory(lesion__patient=image.lesion.patient)
    HistopathologyFactory(lesion=benign.lesion, diagnosis="nevus")
    signed(benign, "nevus", "nevus", 1)
    # the newest answer, which nobody has signed
    DiagnosisRequestFactory(image=benign, succeeded=True, prediction__label="melanoma")
    agreed = ImageFactory(lesion__patient=image.lesion.patient)
    HistopathologyFactory(lesion=agreed.lesion, diagnosis="melanoma")
    # three pictures of one lesion are one outcome
    for other in (agreed, ImageFactory(lesion=agreed.lesion), ImageFactory(lesion=agreed.lesion)):
        signed(other, "melanoma", "nevus", 1)
    # without a finding, and of another hospital
    signed(ImageFactory(lesion__patient=image.lesion.patient), "nevus", "melanoma", 1)
    foreign = ImageFactory()
    HistopathologyFactory(lesion=foreign.lesion, diagnosis="melanoma")
    signed(foreign, "nevus", "nevus", 1)

    found = confirmed(hospital_report(actor=user))
    assert found.same(AI) == Share(1, 3)
    assert found.found(AI) == Share(2, 2)
    assert found.same(DOCTOR) == Share(2, 3)
    assert found.found(DOCTOR) == Share(1, 2)
    assert "Against histopathology" in page.get(reverse("hospital-report")).content.decode()
