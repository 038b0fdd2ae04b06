"""The warnings about one request, from its picture, patient, model and answer."""

from diagnosis.interpretation import Warning, warnings_for
from diagnosis.models import DiagnosisRequest


def warnings_of(request: DiagnosisRequest) -> list[Warning]:
    """What is wrong with the picture or with this model on it; of a request with its records."""
    prediction, image = request.prediction, request.image
    return warnings_for(
        quality=image.quality,
        image_type=image.image_type,
        manifest=request.model_version.manifest,
        age=image.lesion.patient.age,
        site=image.lesion.anatom_site,
        outlier_score=prediction.outlier_score if prediction else None,
        edge_share=prediction.edge_share if prediction else None,
    )
