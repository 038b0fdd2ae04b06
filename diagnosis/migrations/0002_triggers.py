from django.db import migrations

from clinic.triggers import refuse, refuse_unless


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0001_initial")]

    operations = [
        refuse("predictions_are_never_updated", "diagnosis_prediction", "UPDATE"),
        refuse_unless(
            "prediction_probabilities_sum_to_one",
            "diagnosis_prediction",
            "INSERT",
            sqlite=(
                "(SELECT count(*) > 0 AND count(value) = count(*) AND min(value) >= 0 "
                "AND abs(sum(value) - 1) <= 1e-6 FROM json_each(NEW.probabilities))"
            ),
            postgresql=(
                "(SELECT count(*) > 0 AND count(value) = count(*) AND min(value::float8) >= 0 "
                "AND abs(sum(value::float8) - 1) <= 1e-6 "
                "FROM jsonb_each_text(NEW.probabilities))"
            ),
        ),
        refuse(
            "signed_reviews_are_never_updated",
            "diagnosis_review",
            "UPDATE",
            when="OLD.signed_at IS NOT NULL",
        ),
    ]
