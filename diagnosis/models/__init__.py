from diagnosis.models.batches import Batch, BatchFile
from diagnosis.models.features import ImageFeatures
from diagnosis.models.heat_maps import HeatMap
from diagnosis.models.histopathology import Histopathology
from diagnosis.models.model_versions import ModelPolicy, ModelVersion
from diagnosis.models.predictions import Prediction
from diagnosis.models.requests import DiagnosisRequest, Priority, Status
from diagnosis.models.reviews import Management, Review
from diagnosis.models.settings import HospitalSettings
from diagnosis.models.workers import Worker

__all__ = [
    "Batch",
    "BatchFile",
    "DiagnosisRequest",
    "HeatMap",
    "Histopathology",
    "HospitalSettings",
    "ImageFeatures",
    "Management",
    "ModelPolicy",
    "ModelVersion",
    "Prediction",
    "Priority",
    "Review",
    "Status",
    "Worker",
]
