"""The hospital of the lesions and images that were there before."""

from django.db import migrations
from django.db.models import OuterRef

from clinic.backfill import fill_in_chunks


def fill(apps, editor) -> None:
    lesions, images, patients = (
        apps.get_model("clinic", name).objects for name in ("Lesion", "Image", "Patient")
    )
    of_patient = patients.filter(pk=OuterRef("patient")).values("hospital")
    fill_in_chunks(lesions.filter(hospital=None), hospital=of_patient)
    of_lesion = lesions.filter(pk=OuterRef("lesion")).values("hospital")
    fill_in_chunks(images.filter(hospital=None), hospital=of_lesion)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("clinic", "0009_hospital_of_lesion_and_image")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
