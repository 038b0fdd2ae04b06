"""A doctor may conclude, and a pathologist find, a lesion that is of none of the classes."""

from django.db import migrations, models

from clinic.triggers import beside_triggers

CLASSES = [
    "melanoma",
    "squamous_cell_carcinoma",
    "basal_cell_carcinoma",
    "actinic_keratosis",
    "nevus",
    "seborrheic_keratosis",
    "pigmented_benign_keratosis",
    "dermatofibroma",
    "vascular_lesion",
]
KINDS = ["malignant_lesion", "benign_lesion"]
HELD = (
    ("histopathology", "diagnosis", "histopathology_diagnosis_is_known"),
    ("review", "conclusion", "review_conclusion_is_known"),
)


def known(model: str, field: str, name: str) -> list:
    check = models.CheckConstraint(condition=models.Q((f"{field}__in", CLASSES + KINDS)), name=name)
    return [migrations.RemoveConstraint(model, name), migrations.AddConstraint(model, check)]


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0022_refusals_without_words")]

    operations = beside_triggers(*(step for held in HELD for step in known(*held)))
