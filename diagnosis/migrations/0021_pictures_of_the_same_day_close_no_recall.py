"""A recall is closed by a picture of a later day: another one of the visit at which it was signed is
no follow-up. Days are those of UTC, which both databases know without the hospital's place."""

# the statements are made of names that stand in 0015, 0018 and 0020
# ruff: noqa: S608
from importlib import import_module

from django.db import migrations

from clinic.triggers import run_after, stop

first = import_module("diagnosis.migrations.0015_follow_up_is_kept_true")
marked = import_module("diagnosis.migrations.0018_lists_without_errors")
before = import_module("diagnosis.migrations.0020_old_pictures_close_no_recall")
TAKEN = "COALESCE({picture}.captured_at, {picture}.created_at)"
OF_P, OF_NEW = TAKEN.format(picture="p"), TAKEN.format(picture="NEW")


def by_day(statement: str) -> str:
    """The statement of 0020, which compares the moments, with the days of a picture and a
    signature."""
    return statement.replace(f"{OF_P} > r.signed_at", f"DATE({OF_P}) > DATE(r.signed_at)")


SET_RECALL, FIND_RECALLS = map(
    by_day, (before.by_day_taken(marked.SET_RECALL), before.by_day_taken(marked.FIND_RECALLS))
)
CLOSE_RECALLS = first.CLOSE_RECALLS.format(lesion="NEW.lesion_id", moment=OF_NEW).replace(
    f"r.signed_at < {OF_NEW}", f"DATE(r.signed_at) < DATE({OF_NEW})"
)
closes = run_after(
    "image_closes_recalls", "clinic_image", "INSERT", when="true", statement=CLOSE_RECALLS
)
# what a picture of the same day has closed is open again
OPEN_RECALL = by_day(before.OPEN_RECALL)
REOPEN = (
    f"UPDATE {first.REQUESTS} SET recall_on = {OPEN_RECALL} WHERE recall_on IS NULL "
    "AND entered_in_error_at IS NULL "
    "AND signed_review_id IN (SELECT r.id FROM diagnosis_review r WHERE r.recall_on IS NOT NULL) "
    f"AND EXISTS (SELECT 1 FROM clinic_image p JOIN diagnosis_review r ON r.id = {marked.OWN} "
    f"WHERE p.lesion_id = {before.OWN_LESION} AND {OF_P} > r.signed_at "
    f"AND DATE({OF_P}) = DATE(r.signed_at))"
)


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0020_old_pictures_close_no_recall")]

    operations = [
        stop(before.closes(OF_NEW)),
        closes,
        stop(before.marks(before.by_day_taken(marked.FIND_RECALLS))),
        before.marks(FIND_RECALLS),
        stop(marked.recalls(f"{marked.CLOSE_RECALLS}; {before.by_day_taken(marked.SET_RECALL)}")),
        marked.recalls(f"{marked.CLOSE_RECALLS}; {SET_RECALL}"),
        migrations.RunSQL(REOPEN, migrations.RunSQL.noop),
    ]
