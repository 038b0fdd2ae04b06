"""What was recorded before a migration has what the migration adds."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from tests.support.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
# before lesions, images and batches had a hospital, and requests a recall and a finding
BEFORE = (("clinic", "0008"), ("diagnosis", "0012"))
KEYS = {name: str(uuid.UUID(int=place)) for place, name in enumerate("ABCDEFGHIJKLMNOPQ", 1)}
# two patients of two hospitals with a lesion and an image each; the first image is read, signed
# with a recall and confirmed, the second as well, but a newer picture has closed its recall
ROWS = """
INSERT INTO clinic_user (id, password, is_superuser, username, first_name, last_name, email,
    is_staff, is_active, date_joined)
    VALUES (%(A)s, '', false, 'd', '', '', '', false, true, now());
INSERT INTO clinic_hospital (id, created_at, name) VALUES (%(B)s, now(), 'N'), (%(C)s, now(), 'S');
INSERT INTO clinic_patient (id, created_at, hospital_id, medical_record_number, given_name,
    family_name, sex) VALUES (%(D)s, now(), %(B)s, '1', '', '', 'female'),
    (%(E)s, now(), %(C)s, '1', '', '', 'female');
INSERT INTO clinic_lesion (id, created_at, patient_id, label, notes) VALUES
    (%(F)s, now(), %(D)s, '', ''), (%(G)s, now(), %(E)s, '', '');
INSERT INTO clinic_image (id, created_at, lesion_id, image_type, file, thumbnail, media_type,
    byte_size, width, height, sha256, quality, uploaded_by_id)
    SELECT id::uuid, now() + at::interval, lesion::uuid, 'dermoscopic', '', '', 'image/png', 1, 1,
    1, id, '{}', %(A)s FROM (VALUES (%(H)s, '-9 days', %(F)s), (%(I)s, '-9 days', %(G)s),
    (%(J)s, '-1 day', %(G)s)) i (id, at, lesion);
INSERT INTO diagnosis_modelversion (id, created_at, name, version, sha256, folder, manifest, card)
    VALUES (%(K)s, now(), 'm', '1', '', 'm', '{}', '');
INSERT INTO diagnosis_prediction (id, created_at, probabilities, label, probability,
    malignancy_probability, device, batch_size, seconds)
    SELECT id::uuid, now(), '{"nevus": 1}', 'nevus', 1, 0, '', 1, 1
    FROM (VALUES (%(L)s), (%(M)s)) p (id);
INSERT INTO diagnosis_diagnosisrequest (id, created_at, image_id, hospital_id, model_version_id,
    requested_by_id, priority, status, attempts, started_at, finished_at, prediction_id,
    failure_code, trace_id, label, malignancy, severity, risk, conclusion)
    SELECT id::uuid, now(), image::uuid, hospital::uuid, %(K)s, %(A)s, 0, 'succeeded', 1, now(),
    now(), answer::uuid, '', '', 'nevus', 0, 1, 'low', ''
    FROM (VALUES (%(N)s, %(H)s, %(B)s, %(L)s), (%(O)s, %(I)s, %(C)s, %(M)s))
    r (id, image, hospital, answer);
INSERT INTO diagnosis_review (id, created_at, request_id, conclusion, management, notes, author_id,
    signed_by_id, signed_at, recall_on) SELECT id::uuid, now(), id::uuid, 'nevus', 'monitor', '',
    %(A)s, %(A)s, now() - interval '8 days', '2030-01-31' FROM (VALUES (%(N)s), (%(O)s)) v (id);
INSERT INTO diagnosis_histopathology (id, created_at, lesion_id, diagnosis, confirmed_by, date,
    notes, recorded_by_id) VALUES (%(P)s, now() - interval '2 days', %(F)s, 'nevus', 'L', now(), '',
    %(A)s), (%(Q)s, now(), %(F)s, 'melanoma', 'L', now(), '', %(A)s);
INSERT INTO diagnosis_batch (id, created_at, patient_id, lesion_id, model_version_id, image_type,
    created_by_id) VALUES (%(P)s, now(), %(E)s, NULL, %(K)s, 'dermoscopic', %(A)s);
"""


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    name = f"old_{uuid.uuid4().hex}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def migrated(postgres: Postgres, migrated_database: str) -> Iterator[tuple[str, Cursor]]:
    """The address of a database with every migration and no row, and a cursor there."""
    name = f"migrated_{uuid.uuid4().hex}"
    postgres.create_database(name, template=migrated_database)
    connection = psycopg2.connect(postgres.url(name))
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield postgres.url(name), cursor
    connection.close()
    postgres.drop_database(name)


def migrate(url: str, *target: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", *target],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("taken", ["1 day", "8 days", "30 days"])
def test_hospitals_recalls_and_findings_are_filled_in(database: str, taken: str) -> None:
    for target in BEFORE:
        migrate(database, *target)
    connection = psycopg2.connect(database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(ROWS, KEYS)
        # the newer picture of the second lesion: one of the same visit closes no recall, nor does
        # an old one that was sent late
        cursor.execute(
            "UPDATE clinic_image SET captured_at = now() - %s::interval WHERE id = %s",
            [taken, KEYS["J"]],
        )
        migrate(database)

        def answer(query: str) -> list[tuple]:
            cursor.execute(query)
            return cursor.fetchall()

        north, south = KEYS["B"], KEYS["C"]
        hospitals = "SELECT hospital_id::text FROM {} ORDER BY id"
        assert answer(hospitals.format("clinic_lesion")) == [(north,), (south,)]
        assert answer(hospitals.format("clinic_image")) == [(north,), (south,), (south,)]
        assert answer(hospitals.format("diagnosis_batch")) == [(south,)]
        assert answer(
            "SELECT recall_on::text, finding FROM diagnosis_diagnosisrequest ORDER BY id"
        ) == [("2030-01-31", "melanoma"), (None if taken == "1 day" else "2030-01-31", None)]
    connection.close()


# before the batches of what was entered in error left their lists
BEFORE_BATCHES = ("diagnosis", "0018")
# a batch of each patient and one of a lesion; of the second patient only the lesion is marked
BATCHES = """
INSERT INTO clinic_lesion (id, created_at, patient_id, hospital_id, label, notes)
    VALUES (%(F)s, now(), %(D)s, %(B)s, '', ''), (%(G)s, now(), %(E)s, %(C)s, '', '');
INSERT INTO diagnosis_modelversion (id, created_at, name, version, sha256, folder, manifest, card)
    VALUES (%(K)s, now(), 'm', '1', '', 'm', '{}', '');
INSERT INTO diagnosis_batch (id, created_at, patient_id, hospital_id, lesion_id, model_version_id,
    image_type, created_by_id) SELECT id::uuid, now(), patient::uuid, hospital::uuid,
    lesion::uuid, %(K)s, 'dermoscopic', %(A)s FROM (VALUES (%(L)s, %(D)s, %(B)s, NULL),
    (%(M)s, %(E)s, %(C)s, NULL), (%(N)s, %(E)s, %(C)s, %(G)s)) b (id, patient, hospital, lesion);
UPDATE clinic_patient SET entered_in_error_at = '2026-01-31', entered_in_error_reason = 'test',
    entered_in_error_by_id = %(A)s WHERE id = %(D)s;
UPDATE clinic_lesion SET entered_in_error_at = '2026-02-28', entered_in_error_reason = 'test',
    entered_in_error_by_id = %(A)s WHERE id = %(G)s;
"""


def test_batches_of_what_was_marked_before_are_marked_and_the_way_back_and_forth_is_open(
    migrated: tuple[str, Cursor],
) -> None:
    url, cursor = migrated
    cursor.execute(MADE)
    made = cursor.fetchall()
    migrate(url, *BEFORE_BATCHES)
    cursor.execute(ROWS.partition("INSERT INTO clinic_lesion")[0] + BATCHES, KEYS)
    for _twice in range(2):
        migrate(url)
        cursor.execute("SELECT entered_in_error_at::date::text FROM diagnosis_batch ORDER BY id")
        assert cursor.fetchall() == [("2026-01-31",), (None,), ("2026-02-28",)]
        cursor.execute(MADE)
        assert cursor.fetchall() == made
        migrate(url, *BEFORE_BATCHES)


# before a refusal was kept without its sentence
BEFORE_REFUSALS = ("diagnosis", "0021")
OLD_REFUSALS = [
    ("empty_file", "The file is empty.", {}),
    ("not_an_image", "The file is not a picture. JPEG, PNG, WebP, TIFF and BMP are read.", {}),
    ("not_an_image", "El archivo es una imagen HEIC.", {"case": "heic"}),
    ("file_too_large", "El archivo supera los 50 MB.", {"limit": 50}),
    (
        "too_few_pixels",
        "The picture has only 9 x 8 pixels; at least 16 x 16 are needed.",
        {"width": 9, "height": 8, "least": 16},
    ),
    (
        "extension_mismatch",
        "El archivo es una imagen PNG, pero su nombre termina en «.jpg».",
        {"format": "PNG", "extension": ".jpg"},
    ),
    ("duplicate_image", "This lesion already has the same picture.", None),
    ("invalid", "Algo pasó.", None),
]
REFUSALS = """
INSERT INTO clinic_lesion (id, created_at, patient_id, hospital_id, label, notes)
    VALUES (%(F)s, now(), %(D)s, %(B)s, '', '');
INSERT INTO diagnosis_modelversion (id, created_at, name, version, sha256, folder, manifest, card)
    VALUES (%(K)s, now(), 'm', '1', '', 'm', '{}', '');
INSERT INTO diagnosis_batch (id, created_at, patient_id, hospital_id, model_version_id, image_type,
    created_by_id) VALUES (%(L)s, now(), %(D)s, %(B)s, %(K)s, 'dermoscopic', %(A)s);
"""
REFUSAL = """
INSERT INTO diagnosis_batchfile (id, created_at, batch_id, key, name, digest, error_code,
    error_message) VALUES (%s, now(), %s, %s, '', '', %s, %s)
"""


def test_what_old_refusals_say_is_found_in_them_or_kept(migrated: tuple[str, Cursor]) -> None:
    url, cursor = migrated
    migrate(url, *BEFORE_REFUSALS)
    cursor.execute(ROWS.partition("INSERT INTO clinic_lesion")[0] + REFUSALS, KEYS)
    for place, (code, sentence, _values) in enumerate(OLD_REFUSALS, 1):
        row = (str(uuid.UUID(int=place)), KEYS["L"], str(place), code, sentence)
        cursor.execute(REFUSAL, row)
    migrate(url)
    kept = "SELECT error_code, error_message, error_values FROM diagnosis_batchfile ORDER BY id"
    cursor.execute(kept)
    assert cursor.fetchall() == [
        (code, sentence if values is None else "", values or {})
        for code, sentence, values in OLD_REFUSALS
    ]

    migrate(url, *BEFORE_REFUSALS)
    cursor.execute("SELECT count(*) FROM diagnosis_batchfile WHERE error_message = ''")
    assert cursor.fetchone() == (0,)
    migrate(url)


MADE = """
SELECT tgname, pg_get_functiondef(tgfoid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname !~ '_fk_'
ORDER BY 1, 2
"""
MARK = """
UPDATE clinic_patient SET entered_in_error_at = now(), entered_in_error_reason = 'test',
    entered_in_error_by_id = (SELECT id FROM clinic_user)
"""


def test_the_way_back_is_open_until_something_is_marked(migrated: tuple[str, Cursor]) -> None:
    url, cursor = migrated
    cursor.execute(ROWS.partition("INSERT INTO clinic_lesion")[0], KEYS)
    cursor.execute(MADE)
    made = cursor.fetchall()
    migrate(url, "clinic", "0011")
    migrate(url)
    cursor.execute(MADE)
    assert cursor.fetchall() == made

    cursor.execute(MARK)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        migrate(url, "clinic", "0011")
    assert refused.value.stderr.startswith("2 records are marked as entered in error")
    cursor.execute("SELECT count(*) FROM clinic_patient WHERE entered_in_error_at IS NOT NULL")
    assert cursor.fetchone() == (2,)
