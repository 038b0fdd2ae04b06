"""A hospital's settings: bands, words and alarm; a reading keeps what was in force."""

import time
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.details import details_in_words
from clinic.errors import DomainError
from clinic.models import AuditEvent
from diagnosis.documents.opinions import reading_lines
from diagnosis.interpretation import interpret
from diagnosis.models import DiagnosisRequest, HospitalSettings
from diagnosis.services import settings as settings_module
from diagnosis.services.queue import Answer, Run, claim_batch, write_answers
from diagnosis.services.settings import change_settings, settings_in_force
from tests.api_client import API, client
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    HospitalSettingsFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    administrator,
    doctor,
    manifest,
    spread,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
BANDS = {"monitor_from": 0.1, "dermatologist_from": 0.2, "urgent_from": 0.3}
THRESHOLDS = {"malignancy_medium": 0.3, "malignancy_high": 0.6, "prediction_set": 0.1}


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def boss(hospital):
    return administrator(hospital)


def read(hospital) -> DiagnosisRequest:
    """A reading with a malignancy of 0.4."""
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    answer = Answer(row.pk, probabilities=spread("nevus", 0.7), malignancy=0.4)
    run = Run(device="cpu", batch_size=1, seconds=0.1)
    assert write_answers(claim=claim_batch(limit=9), answers=[answer], run=run) == 1
    row.refresh_from_db()
    return row


def test_the_newest_version_is_in_force_and_the_old_ones_stay(hospital, boss) -> None:
    assert settings_in_force([hospital.pk]) == {}
    first = change_settings(actor=boss, hospital=hospital, alarm_hours=12)
    second = change_settings(actor=boss, hospital=hospital, **BANDS)

    assert settings_in_force([hospital.pk, HospitalFactory().pk]) == {hospital.pk: second}
    assert (second.alarm_hours, second.urgent_from) == (12, 0.3)
    assert HospitalSettings.objects.filter(pk=first.pk, urgent_from=None).exists()


def test_the_log_says_from_what_to_what(hospital, boss) -> None:
    change_settings(actor=boss, hospital=hospital, alarm_hours=12, **BANDS)
    change_settings(actor=boss, hospital=hospital, urgent_from=0.325, words_urgent="Call us")
    first, second = AuditEvent.objects.filter(action="change_settings").order_by("id")

    fields = ["alarm_hours", *BANDS]
    changes = {"alarm_hours": [24, 12]} | {name: [None, BANDS[name]] for name in BANDS}
    assert first.details == {"fields": fields, "changes": changes}
    assert details_in_words(first).replace("\u00a0", " ") == (
        "fields: alarm after hours 24 → 12, monitor from – → 10%, dermatologist from – → 20%, "
        "urgent from – → 30%"
    )
    # what was typed is not in the log
    assert second.details["changes"] == {"urgent_from": [0.3, 0.325]}
    words = "fields: urgent from 30% → 32.5%, words for urgent"
    assert details_in_words(second).replace("\u00a0", " ") == words


def test_what_changes_nothing_is_no_version(hospital, boss) -> None:
    change_settings(actor=boss, hospital=hospital, alarm_hours=12)
    change_settings(actor=boss, hospital=hospital, alarm_hours=12)
    assert HospitalSettings.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"monitor_from": 0.1}, "bands_incomplete"),
        (BANDS | {"urgent_from": 0.15}, "bands_fall"),
        (BANDS | {"urgent_from": 0.2}, "bands_fall"),
        (BANDS | {"dermatologist_from": 0.1}, "bands_fall"),
        ({"monitor_from": 0.0, "dermatologist_from": 0.0, "urgent_from": 0.9}, "bands_fall"),
        (BANDS | {"urgent_from": 1.0}, "urgent_never"),
        (BANDS | {"monitor_from": -0.1}, "invalid"),
        ({"alarm_hours": 0}, "invalid"),
        ({"words_urgent": "x" * 201}, "invalid"),
    ],
)
def test_what_is_refused(hospital, boss, fields, code) -> None:
    with pytest.raises(DomainError) as caught:
        change_settings(actor=boss, hospital=hospital, **fields)
    assert caught.value.code == code
    assert not HospitalSettings.objects.exists()


def test_urgent_may_begin_late_and_monitoring_at_nothing(hospital, boss) -> None:
    rare = {"monitor_from": 0.0, "dermatologist_from": 0.3, "urgent_from": 0.97}
    change_settings(actor=boss, hospital=hospital, **rare)
    assert settings_in_force([hospital.pk])[hospital.pk].urgent_from == 0.97


def test_only_an_administrator_changes_them(hospital) -> None:
    with pytest.raises(DomainError) as caught:
        change_settings(actor=doctor(hospital), hospital=hospital, alarm_hours=1)
    assert caught.value.status == 403


def test_a_reading_keeps_the_bands_of_its_time(hospital, boss) -> None:
    before = read(hospital)
    version = change_settings(actor=boss, hospital=hospital, words_urgent="Call 123.", **BANDS)
    after = read(hospital)
    change_settings(actor=boss, hospital=hospital, urgent_from=0.9)

    assert (before.risk, before.settings) == ("medium", None)
    assert (after.risk, after.settings) == ("high", version)
    browser = Client()
    browser.force_login(doctor(hospital))
    shown = browser.get(reverse("diagnosis", args=[after.pk])).content.decode()
    assert "High risk" in shown
    assert "Call 123." in shown
    # which bands these are stands with each, or the same figures would have two names unexplained
    date = f"{timezone.localtime(version.created_at):%Y-%m-%d}"
    assert f"risk from 20%, high from 30%: the hospital's bands of {date}" in unescape(shown)
    of_model = browser.get(reverse("diagnosis", args=[before.pk])).content.decode()
    assert "Call 123." not in of_model
    assert "the model's bands" in unescape(of_model)


def test_every_place_reads_by_the_hospitals_bands(hospital, boss) -> None:
    before = read(hospital)
    change_settings(actor=boss, hospital=hospital, words_urgent="Call 123.", **BANDS)
    after = read(hospital)
    user = doctor(hospital)
    browser, api = Client(), client(user)
    browser.force_login(user)
    patient = after.image.lesion.patient

    # by the model's own bands both would be of medium risk
    for name in ("worklist", "hospital-report"):
        shown = browser.get(reverse(name), {"risk": "high"}).content.decode()
        assert str(after.pk) in shown
        assert str(before.pk) not in shown
    lines = browser.get(reverse("hospital-report-csv")).getvalue().decode().splitlines()
    assert sorted(line.count("High risk") for line in lines[1:]) == [0, 1]
    for name, key in (("patient", patient.pk), ("lesion", after.image.lesion_id)):
        assert "High risk" in browser.get(reverse(name, args=[key])).content.decode()
    prediction = api.get(f"{API}/diagnoses/{after.pk}/").json()["prediction"]
    assert (prediction["risk"], prediction["recommendation"]) == ("high", "Call 123.")
    [lesion] = api.get(f"{API}/reports/patient/{patient.pk}/").json()["lesions"]
    assert lesion["pictures"][0]["diagnoses"][0]["prediction"]["recommendation"] == "Call 123."
    said = [line for line, _look in reading_lines(after)]
    assert "Call 123." in said
    assert "High risk, malignancy 40%" in said


@pytest.mark.parametrize(
    ("malignancy", "words"),
    [(0.05, "No action"), (0.15, "Monitor"), (0.25, "A dermatologist"), (0.35, "Come today.")],
)
def test_each_band_has_its_action(hospital, malignancy, words) -> None:
    row = HospitalSettingsFactory(hospital=hospital, words_urgent="Come today.", **BANDS)
    probabilities = {"nevus": 1 - malignancy, "melanoma": malignancy}
    thresholds = THRESHOLDS | row.bands | {"prediction_set": 0.5}
    assert words in interpret(probabilities, malignancy, thresholds).recommendation


def test_settings_changed_in_another_tab_are_not_changed_back(hospital, boss) -> None:
    browser = Client()
    browser.force_login(boss)
    address = reverse("hospital-settings")
    seen = browser.get(address).context["form"]["seen"].value()
    percent = {"monitor_from": "10", "dermatologist_from": "20", "urgent_from": "30"}
    first = {"alarm_hours": "6", "seen": seen} | percent
    # sent twice is no conflict
    assert [browser.post(address, first).status_code for _twice in range(2)] == [302, 302]

    words = {"alarm_hours": "24", "words_urgent": "Come.", "seen": seen}
    assert browser.post(address, words).status_code == 302

    found = settings_in_force([hospital.pk])[hospital.pk]
    assert (found.alarm_hours, found.urgent_from, found.words_urgent) == (6, 0.3, "Come.")


def test_of_two_who_set_the_same_the_second_is_told(hospital, boss) -> None:
    browser = Client()
    browser.force_login(boss)
    address = reverse("hospital-settings")
    percent = {"monitor_from": "10", "dermatologist_from": "20", "urgent_from": "30"}
    browser.post(address, {"alarm_hours": "6"} | percent)
    form = browser.get(address).context["form"]
    shown = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    others = {"urgent_from": "35", "dermatologist_from": "22.5", "words_urgent": "Come."}
    assert browser.post(address, shown | others).status_code == 302

    told = browser.post(address, shown | {"urgent_from": "40"})

    assert told.status_code == 409
    form = told.context["form"]
    assert sorted(form.errors) == ["__all__", "urgent_from"]
    assert "“35%”" in form.errors["urgent_from"][0]
    # only what was typed is put in the place of what stands now
    again = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    assert (again["urgent_from"], again["dermatologist_from"]) == ("40", "22.5")
    assert browser.post(address, again).status_code == 302
    found = settings_in_force([hospital.pk])[hospital.pk]
    assert (found.urgent_from, found.dermatologist_from) == (0.4, 0.225)
    assert found.words_urgent == "Come."


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_the_same_moment_are_both_kept(hospital, boss, monkeypatch) -> None:
    needs_postgresql()

    def slowly(keys):
        found = settings_in_force(keys)
        time.sleep(0.5)
        return found

    monkeypatch.setattr(settings_module, "settings_in_force", slowly)
    changes = ({"alarm_hours": 6}, {"words_urgent": "Come."})
    together(
        *(
            lambda change=change: change_settings(actor=boss, hospital=hospital, **change)
            for change in changes
        )
    )
    found = settings_in_force([hospital.pk])[hospital.pk]
    assert (found.alarm_hours, found.words_urgent) == (6, "Come.")


def test_the_page_explains_and_saves(hospital, boss) -> None:
    browser = Client()
    browser.force_login(boss)
    address = reverse("hospital-settings")
    assert 'value="24"' in browser.get(address).content.decode()

    wrong = browser.post(address, {"alarm_hours": "24", "urgent_from": "50"})
    assert wrong.status_code == 400
    assert "Give all three bands" in wrong.content.decode()
    above = browser.post(address, {"alarm_hours": "24", "urgent_from": "101"})
    assert "less than or equal to 100" in above.content.decode()
    off = {"monitor_from": "10", "dermatologist_from": "20", "urgent_from": "100"}
    never = browser.post(address, {"alarm_hours": "24"} | off).content.decode()
    assert "no alarm would ever be raised" in never
    percent = {name: f"{share:.0%}".strip("%") for name, share in BANDS.items()}
    saved = browser.post(address, {"alarm_hours": "6"} | percent)

    assert saved.status_code == 302
    assert settings_in_force([hospital.pk])[hospital.pk].bands["malignancy_high"] == 0.3
    shown = browser.get(address).content.decode()
    assert 'value="30"' in shown
    assert ">30%<" in shown
    assert "Versions, the newest in force" in shown
    again = browser.post(address, {"alarm_hours": "6"} | percent, follow=True).content.decode()
    assert "Nothing was changed." in again
    assert "Saved." not in again
    assert HospitalSettings.objects.count() == 1


def test_what_changes_nothing_of_the_program_s_own_is_no_version(hospital, boss) -> None:
    browser = Client()
    browser.force_login(boss)
    alarm = browser.get(reverse("hospital-settings")).context["form"]["alarm_hours"].value()
    values = {"alarm_hours": str(alarm)}
    said = browser.post(reverse("hospital-settings"), values, follow=True).content.decode()
    assert "Nothing was changed." in said
    assert not HospitalSettings.objects.exists()


def test_the_history_shows_what_was_entered_and_where_the_words_changed(hospital, boss) -> None:
    finely = BANDS | {"dermatologist_from": 0.155}
    change_settings(actor=boss, hospital=hospital, **finely)
    change_settings(actor=boss, hospital=hospital, words_urgent="Call 123.")
    change_settings(actor=boss, hospital=hospital, alarm_hours=6)
    browser = Client()
    browser.force_login(boss)

    answer = browser.get(reverse("hospital-settings"))

    shown = answer.content.decode()
    assert shown.count(">15.5%<") == 3
    assert ">16%<" not in shown
    # the newest first: the same words, other words, those that come with the application
    assert [row.words_changed for row in answer.context["versions"]] == [False, True, False]
    assert shown.count("words changed") == 1
    assert shown.count("<dd>Call 123.</dd>") == 2


def test_the_models_own_bands_are_shown_to_a_tenth_of_a_percent(hospital, boss) -> None:
    thresholds = THRESHOLDS | {"malignancy_medium": 0.155, "malignancy_high": 0.6}
    model = ModelVersionFactory(manifest=manifest(thresholds=thresholds))
    ModelPolicyFactory(hospital=hospital, model_version=model)
    browser = Client()
    browser.force_login(boss)
    shown = browser.get(reverse("hospital-settings")).content.decode()
    assert "dermatologist from 15.5%, urgent from 60%" in shown
