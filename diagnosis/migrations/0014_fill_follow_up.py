"""Open recalls, findings and the hospitals of batches, for what was there before."""

from django.db import migrations
from django.db.models import Exists, OuterRef

from clinic.backfill import fill_in_chunks


def fill(apps, editor) -> None:
    requests, reviews, findings, batches = (
        apps.get_model("diagnosis", name).objects
        for name in ("DiagnosisRequest", "Review", "Histopathology", "Batch")
    )
    patients = apps.get_model("clinic", "Patient").objects
    of_patient = patients.filter(pk=OuterRef("patient")).values("hospital")
    fill_in_chunks(batches.filter(hospital=None), hospital=of_patient)
    newest = findings.filter(lesion__images=OuterRef("image")).order_by("-created_at", "id")
    fill_in_chunks(
        requests.filter(
            status="succeeded", finding=None, image__lesion__histopathology__isnull=False
        ),
        finding=newest.values("diagnosis")[:1],
    )
    fill_in_chunks(
        requests.filter(recall_on=None, signed_review__in=open_recalls(apps, reviews)),
        recall_on=reviews.filter(pk=OuterRef("signed_review")).values("recall_on"),
    )


def open_recalls(apps, reviews):
    """Neither a picture of the lesion nor a signed review has come since."""
    lesion = OuterRef("request__image__lesion")
    images = apps.get_model("clinic", "Image").objects
    pictures = images.filter(lesion=lesion, created_at__gt=OuterRef("signed_at"))
    later = reviews.filter(request__image__lesion=lesion, signed_at__gt=OuterRef("signed_at"))
    asked = reviews.filter(signed_at__isnull=False, recall_on__isnull=False)
    return asked.exclude(Exists(pictures)).exclude(Exists(later))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("diagnosis", "0013_follow_up_in_lists")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
