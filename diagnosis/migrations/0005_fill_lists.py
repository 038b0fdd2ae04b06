"""What requests repeat of their predictions and reviews, for those that were there before."""

from django.db import migrations

from ml.taxonomy import BY_ANSWER

FIELDS = ["label", "malignancy", "severity", "risk", "signed_review", "conclusion", "reviewed_at"]


def fill(apps, editor) -> None:
    requests = apps.get_model("diagnosis", "DiagnosisRequest").objects
    rows = requests.select_related("prediction", "model_version").prefetch_related("reviews")
    batch = []
    for row in rows.iterator(chunk_size=500):
        repeat(row)
        batch.append(row)
        if len(batch) == 500:
            requests.bulk_update(batch, FIELDS)
            batch = []
    requests.bulk_update(batch, FIELDS)


def repeat(row) -> None:
    if row.prediction is not None:
        row.label, row.malignancy = row.prediction.label, row.prediction.malignancy_probability
        row.severity = BY_ANSWER[row.label].severity
        row.risk = risk_of(row)
    signed = [review for review in row.reviews.all() if review.signed_at is not None]
    if signed:
        row.signed_review = max(signed, key=lambda review: review.signed_at)
        row.conclusion = row.signed_review.conclusion
        row.reviewed_at = min(review.signed_at for review in signed)


def risk_of(row) -> str:
    thresholds = row.model_version.manifest["thresholds"]
    if row.malignancy >= thresholds["malignancy_high"]:
        return "high"
    medium = row.malignancy >= thresholds["malignancy_medium"] or BY_ANSWER[row.label].malignant
    return "medium" if medium else "low"


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0004_lists_from_an_index")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
