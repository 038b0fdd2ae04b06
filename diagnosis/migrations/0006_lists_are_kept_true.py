from django.db import migrations, models

from clinic.triggers import refuse, refuse_unless, run_after

# a request repeats the class and malignancy of its prediction, or has neither
SAME_READING = (
    "((NEW.prediction_id IS NULL AND NEW.label = '' AND NEW.malignancy = -1) OR EXISTS ("
    "SELECT 1 FROM diagnosis_prediction p WHERE p.id = NEW.prediction_id "
    "AND p.label = NEW.label AND p.malignancy_probability = NEW.malignancy))"
)
# what is repeated of a review stays as it is, or is that of the signed review that counts
SAME_REVIEW = (
    "((NEW.signed_review_id {same} OLD.signed_review_id AND NEW.conclusion = OLD.conclusion "
    "AND NEW.reviewed_at {same} OLD.reviewed_at) OR (NEW.reviewed_at IS NOT NULL AND EXISTS ("
    "SELECT 1 FROM diagnosis_review r WHERE r.id = NEW.signed_review_id "
    "AND r.request_id = NEW.id AND r.signed_at IS NOT NULL AND r.conclusion = NEW.conclusion) "
    "AND NOT EXISTS (SELECT 1 FROM diagnosis_review a WHERE a.amends_id = NEW.signed_review_id)))"
)
NOTE_REVIEW = (
    "UPDATE diagnosis_diagnosisrequest SET signed_review_id = NEW.id, conclusion = NEW.conclusion, "
    "reviewed_at = COALESCE(reviewed_at, NEW.signed_at) WHERE id = NEW.request_id"
)


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0005_fill_lists")]

    operations = [
        migrations.RemoveIndex(
            model_name="diagnosisrequest",
            name="request_by_hospital",
        ),
        migrations.AddIndex(
            model_name="diagnosisrequest",
            index=models.Index(
                fields=["hospital", "-created_at", "id"],
                include=(
                    "status",
                    "label",
                    "risk",
                    "conclusion",
                    "reviewed_at",
                    "finished_at",
                    "model_version",
                ),
                name="request_by_hospital",
            ),
        ),
        migrations.AddIndex(
            model_name="diagnosisrequest",
            index=models.Index(
                condition=models.Q(
                    ("conclusion", ""), models.Q(("status", "cancelled"), _negated=True)
                ),
                fields=["hospital", "-malignancy", "-severity", "created_at", "id"],
                include=("status", "risk", "finished_at"),
                name="request_worklist",
            ),
        ),
        migrations.AddIndex(
            model_name="diagnosisrequest",
            index=models.Index(
                fields=["hospital", "-malignancy", "id"], name="request_by_malignancy"
            ),
        ),
        migrations.AddIndex(
            model_name="diagnosisrequest",
            index=models.Index(
                condition=models.Q(("status", "cancelled")),
                fields=["hospital", "-created_at", "id"],
                name="request_cancelled",
            ),
        ),
        migrations.AddConstraint(
            model_name="diagnosisrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("label", ""), ("severity", -1)),
                    models.Q(("label", "melanoma"), ("severity", 3)),
                    models.Q(("label", "squamous_cell_carcinoma"), ("severity", 3)),
                    models.Q(("label", "basal_cell_carcinoma"), ("severity", 2)),
                    models.Q(("label", "actinic_keratosis"), ("severity", 2)),
                    models.Q(("label", "nevus"), ("severity", 1)),
                    models.Q(("label", "seborrheic_keratosis"), ("severity", 0)),
                    models.Q(("label", "pigmented_benign_keratosis"), ("severity", 0)),
                    models.Q(("label", "dermatofibroma"), ("severity", 0)),
                    models.Q(("label", "vascular_lesion"), ("severity", 0)),
                    models.Q(("label", "malignant_lesion"), ("severity", 3)),
                    models.Q(("label", "benign_lesion"), ("severity", 0)),
                    models.Q(("label", "not_melanoma"), ("severity", 0)),
                    _connector="OR",
                ),
                name="request_severity_is_the_class_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="diagnosisrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("label", ""), ("risk", "")),
                    models.Q(
                        models.Q(("label", ""), _negated=True),
                        ("risk__in", ["low", "medium", "high"]),
                    ),
                    _connector="OR",
                ),
                name="request_read_has_risk",
            ),
        ),
        migrations.AddIndex(
            model_name="hospitalsettings",
            index=models.Index(fields=["hospital", "-created_at"], name="settings_in_force"),
        ),
        migrations.AddConstraint(
            model_name="hospitalsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("alarm_hours__gte", 1), ("alarm_hours__lte", 672)),
                name="settings_alarm_is_within_four_weeks",
            ),
        ),
        migrations.AddConstraint(
            model_name="hospitalsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("dermatologist_from__isnull", True),
                        ("monitor_from__isnull", True),
                        ("urgent_from__isnull", True),
                    ),
                    models.Q(
                        ("dermatologist_from__gte", models.F("monitor_from")),
                        ("dermatologist_from__isnull", False),
                        ("monitor_from__gte", 0),
                        ("monitor_from__isnull", False),
                        ("urgent_from__gt", models.F("dermatologist_from")),
                        ("urgent_from__isnull", False),
                        ("urgent_from__lte", 1),
                    ),
                    _connector="OR",
                ),
                name="settings_bands_rise_or_are_absent",
            ),
        ),
        *(
            refuse_unless(
                f"request_reading_is_the_prediction_s_{event.lower()}",
                "diagnosis_diagnosisrequest",
                event,
                sqlite=SAME_READING,
                postgresql=SAME_READING,
            )
            for event in ("INSERT", "UPDATE")
        ),
        refuse(
            "request_begins_without_review",
            "diagnosis_diagnosisrequest",
            "INSERT",
            when="NEW.signed_review_id IS NOT NULL OR NEW.conclusion <> '' "
            "OR NEW.reviewed_at IS NOT NULL",
        ),
        refuse_unless(
            "request_conclusion_is_the_review_s",
            "diagnosis_diagnosisrequest",
            "UPDATE",
            sqlite=SAME_REVIEW.format(same="IS"),
            postgresql=SAME_REVIEW.format(same="IS NOT DISTINCT FROM"),
        ),
        *(
            run_after(
                f"review_signs_its_request_{event.lower()}",
                "diagnosis_review",
                event,
                when="NEW.signed_at IS NOT NULL",
                statement=NOTE_REVIEW,
            )
            for event in ("INSERT", "UPDATE")
        ),
        refuse("settings_are_never_updated", "diagnosis_hospitalsettings", "UPDATE"),
        refuse("settings_are_never_deleted", "diagnosis_hospitalsettings", "DELETE"),
    ]
