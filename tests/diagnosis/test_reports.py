"""The hospital report: rows, totals and CSV."""

import csv
import datetime
import io
import random
import zoneinfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from clinic.errors import DomainError
from clinic.models import Hospital, Lesion
from clinic.services.entered_in_error import mark_entered_in_error
from clinic.spreadsheets import safe_cell
from diagnosis.documents import pdf
from diagnosis.documents import report as document
from diagnosis.models import DiagnosisRequest, ModelVersion
from diagnosis.services import report_tables
from diagnosis.services.report_tables import CSV_COLUMNS, percent, sheet_rows
from diagnosis.services.reports import Period, hospital_report, totals
from tests.factories import (
    LABELS,
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    ModelVersionFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
    integration,
)

pytestmark = pytest.mark.django_db


def csv_rows(rows):
    return report_tables.csv_rows(rows, language="en")


class World:
    """One hospital with one image and model, cheap to order many readings of."""

    def __init__(self) -> None:
        self.hospital: Hospital = HospitalFactory()
        self.doctor = doctor(self.hospital)
        self.lesion: Lesion = LesionFactory(patient__hospital=self.hospital)
        self.image = ImageFactory(lesion=self.lesion, uploaded_by=self.doctor)
        self.model: ModelVersion = ModelVersionFactory()

    def ask(self, state: str = "succeeded", **fields) -> DiagnosisRequest:
        trait = {} if state == "queued" else {state: True}
        return DiagnosisRequestFactory(
            **{"image": self.image, "model_version": self.model} | trait | fields
        )


@pytest.fixture
def world(db) -> World:
    return World()


def words_of(world: World, monkeypatch) -> list[str]:
    """All that the document says, in its order."""
    said: list[str] = []
    paragraph = pdf.text

    def noted(content, *look):
        said.append(str(content))
        return paragraph(content, *look)

    rows = hospital_report(actor=world.doctor)
    with monkeypatch.context() as patched:
        patched.setattr(pdf, "text", noted)
        document.hospital_pdf(rows, document.Heading("Alpha", Period(), "", "Ada"))
    return said


def test_who_sees_which_rows(world: World) -> None:
    mine = world.ask()
    other = World()
    other.ask()
    for actor in (world.doctor, administrator(world.hospital), integration(world.hospital)):
        assert list(hospital_report(actor=actor)) == [mine]
        assert not hospital_report(actor=actor, hospital=other.hospital)


def test_rows_are_filtered_and_the_newest_come_first(world: World) -> None:
    now = timezone.now()
    old, new = (
        world.ask(created_at=now - datetime.timedelta(days=days), prediction__label=label)
        for days, label in ((3, "melanoma"), (1, "nevus"))
    )
    waiting = world.ask("queued")
    ReviewFactory(request=old, signed=True)
    ReviewFactory(request=new)

    def rows(**filters) -> list[DiagnosisRequest]:
        return list(hospital_report(actor=world.doctor, **filters))

    assert rows() == [waiting, new, old]
    assert rows(label="melanoma") == [old]
    assert rows(label="vascular_lesion") == []
    # a draft is no review yet
    assert rows(reviewed=True) == [old]
    assert rows(reviewed=False) == [waiting, new]
    assert rows(hospital=world.hospital, label="nevus", reviewed=False) == [new]
    with pytest.raises(DomainError) as caught:
        rows(label="mel")
    assert caught.value.code == "unknown_label"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Vienna", "Pacific/Auckland", "America/Lima"])
@pytest.mark.parametrize("day", ["2026-01-15", "2026-03-29", "2026-10-25"])
def test_a_day_ends_at_the_server_s_midnight(settings, world: World, zone: str, day: str) -> None:
    """Also on the days on which the clocks are changed."""
    settings.TIME_ZONE = zone
    start = datetime.date.fromisoformat(day)
    after = start + datetime.timedelta(days=1)
    midnight, next_midnight = (
        datetime.datetime.combine(date, datetime.time(), zoneinfo.ZoneInfo(zone))
        for date in (start, after)
    )
    tick = datetime.timedelta(microseconds=1)
    utc = datetime.UTC
    before, first, last, beyond = (
        world.ask(created_at=at)
        for at in (
            midnight.astimezone(utc) - tick,
            midnight.astimezone(utc),
            next_midnight.astimezone(utc) - tick,
            next_midnight.astimezone(utc),
        )
    )

    def rows(*period: datetime.date | None) -> set[DiagnosisRequest]:
        return set(hospital_report(actor=world.doctor, period=Period(*period)))

    assert rows(start, start) == {first, last}
    assert rows(start, None) == {first, last, beyond}
    assert rows(None, start) == {before, first, last}
    assert rows() == {before, first, last, beyond}


def test_a_period_runs_forwards() -> None:
    day = datetime.date(2026, 1, 2)
    assert Period(day, day)
    with pytest.raises(DomainError) as caught:
        Period(day, day - datetime.timedelta(days=1))
    assert (caught.value.code, list(caught.value.errors)) == ("period_reversed", ["to"])


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Anchorage"])
def test_a_period_may_be_as_long_as_the_calendar(settings, world: World, zone: str) -> None:
    settings.TIME_ZONE = zone
    row = world.ask()
    period = Period(datetime.date.min, datetime.date.max)
    assert list(hospital_report(actor=world.doctor, period=period)) == [row]


def brute_force(rows: list[DiagnosisRequest]) -> dict:
    """The same figures, counted one by one."""
    states: dict[str, int] = {}
    labels: dict[str, int] = {}
    reviewed = agreed = 0
    seconds = []
    for row in rows:
        states[row.status] = states.get(row.status, 0) + 1
        label = row.prediction.label if row.prediction else None
        if row.status == "succeeded":
            labels[label] = labels.get(label, 0) + 1
            seconds.append((row.finished_at - row.created_at).total_seconds())
        signed = [review for review in row.reviews.all() if review.is_signed]
        latest = max(signed, key=lambda review: review.signed_at, default=None)
        reviewed += latest is not None
        agreed += latest is not None and latest.conclusion == label
    mean = sum(seconds) / len(seconds) if seconds else None
    return {
        "requests": len(rows),
        "by_status": states,
        "labels": labels,
        "reviewed": reviewed,
        "agreed": agreed,
        "seconds": None if mean is None else pytest.approx(mean, abs=1e-3),
    }


def test_totals_are_what_one_counts_by_hand(world: World) -> None:
    noise = random.Random(7)
    states = ["succeeded"] * 6 + ["failed", "rejected", "cancelled", "running", "queued"]
    for number in range(60):
        state = noise.choice(states)
        fields = {"prediction__label": noise.choice(LABELS)} if state == "succeeded" else {}
        model = {"model_version": ModelVersionFactory()} if state in ("running", "queued") else {}
        at = timezone.now() - datetime.timedelta(hours=noise.randrange(200), seconds=number)
        request = world.ask(state, created_at=at, **fields, **model)
        if state in ("running", "queued"):
            continue
        last = None
        for step in range(noise.randrange(4)):
            last = ReviewFactory(
                request=request,
                conclusion=noise.choice(LABELS[:3]),
                signed=True,
                amends=last,
                signed_at=timezone.now() + datetime.timedelta(seconds=step),
            )
        if noise.random() < 0.3:
            ReviewFactory(request=request, conclusion=noise.choice(LABELS))
    day = timezone.localdate() - datetime.timedelta(days=3)
    for filters in (
        {},
        {"label": "nevus"},
        {"reviewed": True},
        {"reviewed": False},
        {"period": Period(day, None)},
        {"period": Period(None, day), "reviewed": True},
    ):
        rows = hospital_report(actor=world.doctor, **filters)
        assert vars(totals(rows)) == brute_force(list(rows)), filters
    assert totals(hospital_report(actor=world.doctor)).agreed > 0


def test_totals_of_nothing(world: World) -> None:
    found = totals(hospital_report(actor=world.doctor))
    assert vars(found) == brute_force([])


def test_the_number_of_queries_does_not_grow(world: World, django_assert_num_queries) -> None:
    for count in (1, 30):
        for _ in range(count):
            ReviewFactory(request=world.ask(), signed=True)
        rows = hospital_report(actor=world.doctor)
        with django_assert_num_queries(1):
            totals(rows)
        with django_assert_num_queries(1):
            lines = list(csv_rows(rows))
        with django_assert_num_queries(1):
            sheet = list(sheet_rows(rows))
        assert len(lines) == len(sheet) == 1 + rows.count()
        # rows, models, reviews, signers, authors
        with django_assert_num_queries(5):
            for row in rows.with_records():
                str(row.review.signed_by)
                str(row.image.lesion.patient)


def test_an_export_leaves_the_large_texts_of_models_alone(world: World) -> None:
    world.ask()
    with CaptureQueriesContext(connection) as captured:
        list(csv_rows(hospital_report(actor=world.doctor)))
    asked = " ".join(query["sql"] for query in captured)
    assert "manifest" not in asked
    assert '"card"' not in asked


def test_csv_is_in_words(world: World) -> None:
    read = world.ask(prediction__label="melanoma", prediction__probability=0.91234)
    review = ReviewFactory(
        request=read,
        author=doctor(world.hospital, first_name="Ada"),
        conclusion="nevus",
        management="monitor",
        signed=True,
    )
    ReviewFactory(request=read, conclusion="melanoma")
    failed = world.ask("failed", created_at=timezone.now() - datetime.timedelta(days=1))
    header, first, second = csv_rows(hospital_report(actor=world.doctor))
    assert tuple(header) == CSV_COLUMNS
    row = dict(zip(header, first, strict=True))
    assert row["request"] == str(read.pk)
    assert row["hospital"] == world.hospital.name
    assert row["medical_record_number"] == world.lesion.patient.medical_record_number
    assert (row["diagnosis"], row["probability"]) == ("Melanoma", "0.9123")
    assert (row["conclusion"], row["management"]) == ("Nevus", "Monitor")
    assert row["signed_by"] == "Ada"
    assert row["signed_at"].endswith("Z")
    assert datetime.datetime.fromisoformat(row["signed_at"]) == review.signed_at.replace(
        microsecond=0
    )
    row = dict(zip(header, second, strict=True))
    assert (row["request"], row["status"]) == (str(failed.pk), "Failed")
    assert row["diagnosis"] == row["conclusion"] == row["signed_at"] == ""


def test_the_names_of_the_api_s_columns_stay() -> None:
    """Programs read them: new ones come last."""
    known = "request image lesion medical_record_number hospital requested_at status diagnosis "
    known += "probability malignancy_probability risk model conclusion management signed_by "
    assert CSV_COLUMNS[:16] == tuple(f"{known}signed_at".split())
    later = ("anatom_site", "laterality", "captured_at", "histopathology", "lesion_title")
    assert CSV_COLUMNS[16:] == later


def test_every_table_names_a_lesion_as_the_pages_do(world: World) -> None:
    """By its number among the patient's, those entered in error too, with its label or place."""
    patient = PatientFactory(hospital=world.hospital)
    facts = [
        *({"anatom_site": "head/neck"}, {"anatom_site": "upper extremity", "laterality": "left"}),
        *({"label": "=mole", "laterality": "left"}, {}),
    ]
    lesions = [LesionFactory(patient=patient, **{"anatom_site": None} | fact) for fact in facts]
    mark_entered_in_error(actor=world.doctor, record=lesions[0], reason="duplicate")
    # recorded at once, they are told apart by their keys
    Lesion.objects.update(created_at=timezone.now())
    for lesion in lesions[1:]:
        world.ask(image=ImageFactory(lesion=lesion, uploaded_by=world.doctor))
    rows = hospital_report(actor=world.doctor)
    titles = {str(lesion.pk): Lesion.objects.get(pk=lesion.pk).title for lesion in lesions[1:]}

    (header, *lines), (heading, *sheet) = csv_rows(rows), sheet_rows(rows)

    files = (
        (header.index("lesion"), header.index("lesion_title"), lines),
        (heading.index("Lesion"), heading.index("Name of the lesion"), sheet),
    )
    for key, title, found in files:
        assert {line[key]: line[title] for line in found} == titles
    assert {title.partition(" · ")[2] for title in titles.values()} >= {
        "Upper extremity, left",
        "=mole",
    }
    with translation.override("es"):
        spoken = {row[heading.index("Name of the lesion")] for row in sheet_rows(rows)}
        assert spoken >= {Lesion.objects.get(pk=lesion.pk).title for lesion in lesions[1:]}


def test_a_sheet_is_for_people(world: World) -> None:
    lesion, at = world.lesion, datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    lesion.anatom_site, lesion.laterality = "lower extremity", "left"
    lesion.save()
    world.image.captured_at = at
    world.image.save()
    ask = {"prediction__probability": 0.91234, "prediction__malignancy_probability": 0.0049}
    read = world.ask(prediction__label="nevus", created_at=at, **ask)
    HistopathologyFactory(lesion=lesion, diagnosis="melanoma")

    with translation.override("es"), timezone.override("Etc/GMT-3"):
        header, line = sheet_rows(hospital_report(actor=world.doctor))

    row = dict(zip(header, line, strict=True))
    assert (row["Sitio anatómico"], row["Lado"]) == ("Extremidad inferior", "Izquierda")
    assert (row["Tomada el"], row["Solicitada"]) == ("2026-01-02 06:04",) * 2
    assert row["IA: clase más probable"] == "Nevo"
    assert row["IA: probabilidad de la clase (%)"] == "91"
    assert row["IA: malignidad (%)"] == "0,49"
    assert (row["Conclusión firmada"], row["Histopatología"]) == ("", "Melanoma")
    assert row["Solicitud"] == str(read.pk)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        *((0.0, "0"), (0.00001, "0.01"), (0.004, "0.4"), (0.0049, "0.49"), (0.0051, "1")),
        *((0.155, "16"), (0.994, "99"), (0.996, "99.6"), (0.99999, "99.99"), (1.0, "100")),
    ],
)
def test_a_sheet_claims_no_certainty_that_a_page_does_not(share, written) -> None:
    assert percent(share, point=".") == written
    # a spreadsheet sorts it
    assert 0 <= float(percent(share, point=".")) <= 100


def test_a_record_number_stands_in_one_line_of_the_document() -> None:
    for number, fits in (("STR-BATCH-2026", True), ("W" * 64, False)):
        found = document.widths([{"medical_record_number": number}])
        share = found[document.SHOWN.index("medical_record_number")] / sum(found)
        assert (share * pdf.ROOM + 1e-6 >= pdf.width_of(number)) == fits, number
        assert share < document.MOST_OF_NUMBER + 1e-9
    assert document.widths([{"medical_record_number": "1"}]) == list(document.WIDTHS)


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_word_of_the_document_s_table_is_broken(language: str) -> None:
    with translation.override(language):
        words = report_tables.words_of_codes()
    known = ("status", "diagnosis", "conclusion")
    longest = {name: " ".join(words[name].values()).split() for name in known}
    longest |= {"requested_at": ["2026-12-28"], "conclusion": [*words["management"].values()]}
    longest["lesion"] = [part for site in words["anatom_site"].values() for part in site.split()]
    longest["probability"], longest["malignancy_probability"] = ["Probabilidad"], ["Malignidad"]
    for name, found in longest.items():
        room = document.WIDTHS[document.SHOWN.index(name)] / sum(document.WIDTHS) * pdf.ROOM
        assert all(pdf.width_of(word) <= room for word in " ".join(found).split()), name


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (None, None, "All orders"),
        ("2026-01-02", None, "Orders from 2026-01-02 to today"),
        (None, "2026-01-03", "Orders up to 2026-01-03"),
        ("2026-01-02", "2026-01-03", "Orders from 2026-01-02 to 2026-01-03"),
    ],
)
def test_the_document_says_its_period_as_the_page_does(first, last, words) -> None:
    days = (day and datetime.date.fromisoformat(day) for day in (first, last))
    assert document.period_words(Period(*days)) == words


def test_the_document_claims_no_more_certainty_than_the_page() -> None:
    assert [document.of(part, 1000) for part in (999, 1000, 1, 0)] == [
        *("(>99%)", "(100%)", "(<1%)", "(0%)")
    ]


def test_a_lesion_s_identifier_stands_in_one_line_of_the_document() -> None:
    found = document.widths([{"medical_record_number": "LOOK-2"}])
    share = found[document.SHOWN.index("lesion")] / sum(found)
    assert share * pdf.ROOM >= pdf.width_of("dddddddd")


def test_the_document_names_a_lesion_as_the_page_does(world: World, monkeypatch) -> None:
    world.lesion.label = "Mole <b>"
    world.lesion.save()
    world.ask()
    said = words_of(world, monkeypatch)
    assert said[said.index("1 · Mole <b>") + 1] == str(world.lesion.pk)[:8]


def test_the_document_has_what_the_page_has(world: World, monkeypatch) -> None:
    """The classes that the AI read, and how the opinions do against histopathology."""
    sections = {"Classes read by the AI", "Agreement of AI and doctor", "Against histopathology"}
    assert not sections & set(words_of(world, monkeypatch))
    read = {"prediction__label": "melanoma"}
    ReviewFactory(request=world.ask(**read), signed=True, conclusion="nevus")
    ReviewFactory(request=world.ask(**read), signed=True, conclusion="melanoma")
    world.ask(prediction__label="nevus", created_at=timezone.now() - datetime.timedelta(days=1))
    HistopathologyFactory(lesion=world.lesion, diagnosis="melanoma")

    said = words_of(world, monkeypatch)

    classes = said.index("Classes read by the AI")
    assert said[classes + 4 : classes + 10] == [
        *("Melanoma (counts as malignant)", "2", "67%"),
        *("Nevus", "1", "33%"),
    ]
    differ = "Where they differ most often: AI Melanoma, doctor Nevus (1)"
    assert said.index("Agreement of AI and doctor") < said.index(differ)
    against = said.index("Against histopathology")
    assert said[against + 4 : against + 7] == ["AI: the class of the finding", "1 of 1", "100%"]
    assert classes < said.index("Agreement of AI and doctor") < against
    assert "What is excised is chosen" in said[against + 16]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0="])
def test_no_cell_is_a_formula(start: str) -> None:
    assert safe_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["", "A-17", "0.1", "2026-01-01", "a=b", "O'Brien", " spaced"])
def test_other_cells_stay(text: str) -> None:
    assert safe_cell(text) == text


def test_a_patient_s_number_that_is_a_formula_survives_as_text(world: World) -> None:
    patient = world.lesion.patient
    patient.medical_record_number = '=HYPERLINK("http://a.example","x")'
    patient.save()
    world.hospital.name = "@North, \n second line"
    world.hospital.save()
    world.ask()
    buffer = io.StringIO()
    csv.writer(buffer).writerows(csv_rows(hospital_report(actor=world.doctor)))
    buffer.seek(0)
    header, line = csv.reader(buffer)
    row = dict(zip(header, line, strict=True))
    assert row["medical_record_number"] == "'" + patient.medical_record_number
    assert row["hospital"] == "'" + world.hospital.name
