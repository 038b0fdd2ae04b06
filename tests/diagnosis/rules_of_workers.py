"""The database's rules for what workers keep beside their answers; see test_constraints.py."""

from django.utils import timezone

from diagnosis.models import ImageFeatures
from tests.constraints import Rule
from tests.factories import (
    HeatMapFactory,
    ImageFeaturesFactory,
    ModelVersionFactory,
)


def seen_again(**other: object) -> ImageFeatures:
    first = ImageFeaturesFactory()
    return ImageFeaturesFactory(image=first.image, **{"model_version": first.model_version} | other)


RULES_OF_WORKERS = {
    "features_are_one_row_per_image_and_model": Rule(
        {"two": seen_again},
        {"other model": lambda: seen_again(model_version=ModelVersionFactory())},
    ),
    "features_have_values": Rule(
        {"none": lambda: ImageFeaturesFactory(values=b"")}, {"one": ImageFeaturesFactory}
    ),
    "heat_map_is_drawn_or_failed": Rule(
        {"both": lambda: HeatMapFactory(drawn=True, failure_code="prediction_error")},
        {
            "drawn": lambda: HeatMapFactory(drawn=True),
            "failed": lambda: HeatMapFactory(broken=True),
            "waits": HeatMapFactory,
        },
    ),
    "heat_map_drawn_has_time": Rule(
        {
            "no time": lambda: HeatMapFactory(key="heatmaps/a.png"),
            "no map": lambda: HeatMapFactory(drawn_at=timezone.now()),
        },
        {"drawn": lambda: HeatMapFactory(drawn=True), "waits": HeatMapFactory},
    ),
}
