"""Why a file of a batch became no image is kept as a code and its values, and no longer as a sentence
in the language of who sent it. A sentence whose values are found in it goes; any other stays and is
shown as it was written. A picture that came under several names has a place for them."""

import re

from django.db import migrations, models

# a code that says all there is to say
ALONE = {
    *("empty_file", "too_many_scans", "damaged_image", "unknown_grey_range"),
    *("duplicate_in_batch", "entered_in_error", "storage_unavailable"),
}
# what the numbers in the sentence are, in the order of English and Spanish alike
NUMBERS = {
    "file_too_large": ("limit",),
    "too_many_pixels": ("width", "height", "limit"),
    "too_few_pixels": ("width", "height", "least"),
}
FORMAT = re.compile(r"\b(JPEG|PNG|WEBP|TIFF|BMP)\b")
EXTENSION = re.compile(r"[“«](\.[^”»]+)[”»]")


def values_in(code: str, sentence: str) -> dict | None:
    """None where they are not all found."""
    if code in ALONE:
        return {}
    if code == "not_an_image":
        case = next((case for case in ("heic", "dicom") if case.upper() in sentence), None)
        return {"case": case} if case else {}
    if code == "extension_mismatch":
        found, ends = FORMAT.search(sentence), EXTENSION.search(sentence)
        return {"format": found[1], "extension": ends[1]} if found and ends else None
    names, numbers = NUMBERS.get(code, ()), re.findall(r"\d+", sentence)
    if not names or len(numbers) < len(names):
        return None
    return dict(zip(names, map(int, numbers), strict=False))


def take_values(apps, _editor) -> None:
    refused = apps.get_model("diagnosis", "BatchFile").objects.exclude(error_message="")
    for row in refused.only("error_code", "error_message").iterator():
        values = values_in(row.error_code, row.error_message)
        if values is not None:
            refused.filter(pk=row.pk).update(error_values=values, error_message="")


def say_something(apps, _editor) -> None:
    """The version before shows the sentence, which is in English then."""
    refused = apps.get_model("diagnosis", "BatchFile").objects.filter(image=None, error_message="")
    refused.update(error_message="The file was not taken in. Send it again.")


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0021_pictures_of_the_same_day_close_no_recall")]

    operations = [
        migrations.AddField(
            model_name="batchfile",
            name="error_values",
            field=models.JSONField(db_default={}, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="batchfile",
            name="other_names",
            field=models.JSONField(db_default=[], default=list, editable=False),
        ),
        migrations.AlterField(
            model_name="batchfile",
            name="error_message",
            field=models.CharField(blank=True, editable=False, max_length=500),
        ),
        migrations.RunPython(take_values, say_something),
    ]
