"""Patients are recorded and corrected by the rules."""

import datetime
import importlib
from unittest import mock

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent, Patient
from clinic.models.patients import years_between
from clinic.services import patients
from clinic.services.patients import create_patient, update_patient
from tests.factories import (
    HospitalFactory,
    PatientFactory,
    administrator,
    doctor,
    integration,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db


def refused(**fields) -> DomainError:
    hospital = HospitalFactory()
    fields = {"medical_record_number": "1", **fields}
    with pytest.raises(DomainError) as caught:
        create_patient(actor=doctor(hospital), hospital=hospital, **fields)
    assert not Patient.objects.filter(hospital=hospital).exists()
    assert not AuditEvent.objects.exists()
    return caught.value


@pytest.mark.parametrize("number", ["A\n17", "A\u202e17", "A\u200b17", "A\u00a017", "A\x7f17"])
def test_a_number_that_only_looks_like_another_is_refused(number: str) -> None:
    error = refused(medical_record_number=number)
    assert (error.code, list(error.errors)) == ("invisible_characters", ["medical_record_number"])


def test_a_name_is_one_line() -> None:
    assert refused(given_name="Ada\nAdmin").code == "control_characters"


@pytest.mark.parametrize(
    "name", ["O'Brien-Łukasz", "محمد\u200f", "نیم\u200cفاصله", "李小龍", "Jo\u00a0Ann"]
)
def test_names_are_written_in_every_script(name: str) -> None:
    hospital = HospitalFactory()
    create_patient(
        actor=doctor(hospital), hospital=hospital, medical_record_number="1", family_name=name
    )
    assert Patient.objects.get().family_name == name


def test_a_patient_is_recorded_with_an_event() -> None:
    hospital = HospitalFactory()
    actor = doctor(hospital)
    patient = create_patient(
        actor=actor,
        hospital=hospital,
        medical_record_number="  A-17 \n",
        given_name=" Ada ",
        birth_date=datetime.date(1970, 1, 2),
        sex="female",
        skin_type="",
    )
    kept = Patient.objects.get()
    assert (kept.medical_record_number, kept.given_name, kept.skin_type) == ("A-17", "Ada", None)
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.actor) == (
        "create_patient",
        str(patient.pk),
        actor,
    )
    # codes only: no name, no number
    assert "Ada" not in str(event.details)
    assert "A-17" not in str(event.details)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"medical_record_number": ""}, "medical_record_number", "invalid"),
        ({"medical_record_number": " \t\n "}, "medical_record_number", "invalid"),
        ({"medical_record_number": None}, "medical_record_number", "invalid"),
        ({"medical_record_number": "9" * 65}, "medical_record_number", "invalid"),
        ({"sex": "f"}, "sex", "invalid"),
        ({"sex": ""}, "sex", "invalid"),
        ({"skin_type": "VII"}, "skin_type", "invalid"),
        ({"birth_date": "yesterday"}, "birth_date", "invalid"),
        ({"birth_date": "2023-02-30"}, "birth_date", "invalid"),
        ({"birth_date": datetime.date(1879, 12, 31)}, "birth_date", "birth_date_too_old"),
        ({"given_name": "x" * 101}, "given_name", "invalid"),
        ({"personal_history_of_melanoma": "perhaps"}, "personal_history_of_melanoma", "invalid"),
    ],
)
def test_wrong_fields_are_named(fields: dict, field: str, code: str) -> None:
    error = refused(**fields)
    assert (error.code, error.status, list(error.errors)) == (code, 400, [field])


def test_a_birth_date_may_be_today_but_not_tomorrow() -> None:
    today = timezone.localdate()
    error = refused(birth_date=today + datetime.timedelta(days=1))
    assert error.code == "birth_date_in_future"
    hospital = HospitalFactory()
    patient = create_patient(
        actor=doctor(hospital), hospital=hospital, medical_record_number="1", birth_date=today
    )
    assert patient.age == 0


@pytest.mark.parametrize(
    "name",
    ["birth_date", "skin_type", "personal_history_of_melanoma", "family_history_of_melanoma"],
)
def test_an_empty_text_is_no_value(name: str) -> None:
    patient = PatientFactory(birth_date=datetime.date(1970, 1, 1), skin_type="II")
    update_patient(actor=doctor(patient.hospital), patient=patient, **{name: " "})
    patient.refresh_from_db()
    assert getattr(patient, name) is None


def test_a_number_is_recorded_once_at_a_hospital() -> None:
    first = PatientFactory(medical_record_number="17")
    actor = doctor(first.hospital)
    with pytest.raises(DomainError) as caught:
        create_patient(actor=actor, hospital=first.hospital, medical_record_number=" 17 ")
    error = caught.value
    assert (error.code, error.status) == ("duplicate_medical_record_number", 409)
    other = HospitalFactory()
    create_patient(actor=doctor(other), hospital=other, medical_record_number="17")
    assert Patient.objects.filter(medical_record_number="17").count() == 2


def test_capitals_make_no_other_number() -> None:
    first = PatientFactory(medical_record_number="n-17")
    second = PatientFactory(medical_record_number="n-18", hospital=first.hospital)
    actor = doctor(first.hospital)
    with pytest.raises(DomainError, match="already recorded"):
        create_patient(actor=actor, hospital=first.hospital, medical_record_number="N-17")
    with pytest.raises(DomainError, match="already recorded"):
        update_patient(actor=actor, patient=second, medical_record_number="N-17")
    # the own one may be written otherwise, and is kept as it was typed
    update_patient(actor=actor, patient=first, medical_record_number="N-17")
    first.refresh_from_db()
    assert first.medical_record_number == "N-17"
    # no wildcard, and nothing but the whole number
    for other in ("N_17", "N%", "N-1"):
        assert create_patient(actor=actor, hospital=first.hospital, medical_record_number=other).pk
    for typed in ("n-17", "N-17"):
        assert set(Patient.objects.search(typed)) == {first}


def test_numbers_that_differed_in_capitals_stop_the_migration() -> None:
    migration = importlib.import_module("clinic.migrations.0006_numbers_in_any_case")
    migration.refuse_doubles(apps, None)
    (rule,) = (
        rule for rule in Patient._meta.constraints if rule.name.startswith("patient_mrn_is_unique")
    )
    hospital = HospitalFactory()
    with connection.schema_editor() as editor:
        editor.remove_constraint(Patient, rule)
    wrong = [
        PatientFactory(hospital=hospital, medical_record_number=number) for number in ("a1", "A1")
    ]
    PatientFactory(medical_record_number="A1")
    PatientFactory(hospital=hospital, medical_record_number="A2")
    with pytest.raises(SystemExit) as caught:
        migration.refuse_doubles(apps, None)
    assert str(caught.value).endswith(f"migrate again: {wrong[0].pk}, {wrong[1].pk}")


def test_the_database_has_the_last_word_on_duplicates() -> None:
    """Somebody else wrote the number after the check."""
    first = PatientFactory(medical_record_number="17")
    with (
        mock.patch.object(patients, "_check"),
        pytest.raises(DomainError, match="already recorded") as caught,
    ):
        create_patient(
            actor=doctor(first.hospital), hospital=first.hospital, medical_record_number="17"
        )
    assert caught.value.status == 409
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_record_the_same_number_one_is_told() -> None:
    needs_postgresql()
    hospital = HospitalFactory()
    actors = [doctor(hospital) for _ in range(4)]
    outcomes = together(
        *(
            lambda actor=actor: create_patient(
                actor=actor, hospital=hospital, medical_record_number="17"
            )
            for actor in actors
        )
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [error.code for error in errors] == ["duplicate_medical_record_number"] * 3
    assert Patient.objects.count() == AuditEvent.objects.count() == 1


def test_a_correction_leaves_the_rest() -> None:
    patient = PatientFactory(given_name="Ada", family_name="North", sex="female")
    given = {"given_name": " Ida ", "family_name": "North", "skin_type": ""}
    update_patient(actor=doctor(patient.hospital), patient=patient, **given)
    patient.refresh_from_db()
    assert (patient.name, patient.sex) == ("Ida North", "female")
    assert AuditEvent.objects.get().details == {"fields": ["given_name"]}


def test_a_correction_that_changes_nothing_is_no_event() -> None:
    patient = PatientFactory(given_name="Ada")
    actor = doctor(patient.hospital)
    same = update_patient(
        actor=actor,
        patient=patient,
        medical_record_number=patient.medical_record_number,
        given_name=" Ada ",
    )
    assert (same, update_patient(actor=actor, patient=patient)) == (patient, patient)
    assert not AuditEvent.objects.exists()


def test_a_correction_may_keep_the_own_number_but_take_no_other() -> None:
    patient = PatientFactory(medical_record_number="1")
    PatientFactory(medical_record_number="2", hospital=patient.hospital)
    actor = doctor(patient.hospital)
    update_patient(actor=actor, patient=patient, medical_record_number="1")
    with pytest.raises(DomainError, match="already recorded"):
        update_patient(actor=actor, patient=patient, medical_record_number="2")
    patient.refresh_from_db()
    assert patient.medical_record_number == "1"


def test_a_correction_never_moves_a_patient() -> None:
    patient = PatientFactory()
    home = patient.hospital
    update_patient(actor=doctor(home), patient=patient, hospital=HospitalFactory(), id="x")
    patient.refresh_from_db()
    assert patient.hospital == home


@pytest.mark.parametrize("make", [doctor, integration])
def test_who_may_record(make) -> None:
    hospital = HospitalFactory()
    assert create_patient(actor=make(hospital), hospital=hospital, medical_record_number="1").pk


def test_who_may_not_record() -> None:
    patient = PatientFactory()
    home, elsewhere = patient.hospital, HospitalFactory()
    for actor in (
        administrator(home),
        doctor(elsewhere),
        doctor(home, is_active=False),
        administrator(elsewhere, is_superuser=True, is_staff=True),
    ):
        for call in (
            lambda actor=actor: create_patient(
                actor=actor, hospital=home, medical_record_number="new"
            ),
            lambda actor=actor: update_patient(actor=actor, patient=patient, given_name="x"),
        ):
            with pytest.raises(DomainError) as caught:
                call()
            assert (caught.value.code, caught.value.status) == ("permission_denied", 403)
    assert Patient.objects.count() == 1
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        "nunez",
        "NUNEZ",
        "Núñ",
        "núñez",
        "garcia",
        "García",
        "jose",
        "José",
        "maria",
        "Núñez, José",
        "nun gar",
        "Nu\u0301n\u0303ez",
        "jose maria nunez garcia",
        "Núñez,",
    ],
)
def test_search_asks_for_no_marks_and_knows_second_names(typed: str) -> None:
    hospital = HospitalFactory()
    names = {"given_name": "José María", "family_name": "Núñez García"}
    patient = PatientFactory(hospital=hospital, **names)
    other = PatientFactory(hospital=hospital, given_name="Jan", family_name="Łoś Øster")
    assert list(Patient.objects.search(typed)) == [patient]
    for text in ("los", "Łoś", "oster, jan"):
        assert list(Patient.objects.search(text)) == [other]


@pytest.mark.parametrize("typed", ["fuente", "de la fuente", "Garc", "cruz", "maria cruz garcia"])
def test_search_knows_a_name_behind_its_particles(typed: str) -> None:
    hospital = HospitalFactory()
    names = {"given_name": "María de la Cruz", "family_name": "de la Fuente García"}
    patient = PatientFactory(hospital=hospital, **names)
    PatientFactory(hospital=hospital, given_name="Ada", family_name="de la Fe")
    assert list(Patient.objects.search(typed)) == [patient]


@pytest.mark.parametrize(
    "typed", ["pena", "obrien", "o'brien", "O\u2019Brien-Peña", "nuria pena", "n-17", "pe ob"]
)
def test_search_asks_for_no_apostrophes_and_hyphens(typed: str) -> None:
    hospital = HospitalFactory()
    names = {"given_name": "Ñuria", "family_name": "O\u2019Brien-Peña"}
    patient = PatientFactory(hospital=hospital, medical_record_number="N-17", **names)
    PatientFactory(hospital=hospital, given_name="Ada", family_name="O\u2019Brien-Pool")
    assert patient in Patient.objects.search(typed)
    assert not Patient.objects.search("-").exists()


def test_search_finds_beginnings_of_every_word() -> None:
    hospital = HospitalFactory()
    for number, given, family in [("A1", "Ada", "North"), ("A2", "Bob", "Norton"), ("B1", "", "")]:
        PatientFactory(
            hospital=hospital, medical_record_number=number, given_name=given, family_name=family
        )

    def found(text: str) -> list[str]:
        rows = Patient.objects.search(text).order_by("medical_record_number")
        return [row.medical_record_number for row in rows]

    assert found("nor") == ["A1", "A2"]
    assert found("nor ad") == ["A1"]
    assert found("a") == ["A1", "A2"]
    assert found("b1") == ["B1"]
    assert found("orth") == []
    assert found("  ") == ["A1", "A2", "B1"]
    assert found("%") == []


@pytest.mark.parametrize(
    ("birth", "day", "years"),
    [
        ((2000, 5, 17), (2020, 5, 16), 19),
        ((2000, 5, 17), (2020, 5, 17), 20),
        ((2000, 2, 29), (2021, 2, 28), 20),
        ((2000, 2, 29), (2021, 3, 1), 21),
        ((2020, 1, 1), (2020, 1, 1), 0),
    ],
)
def test_age_is_in_completed_years(birth: tuple, day: tuple, years: int) -> None:
    assert years_between(datetime.date(*birth), datetime.date(*day)) == years
