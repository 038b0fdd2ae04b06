"""How far a patient's lesions lie from each other, at the patient's address."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import ApiViewSet, find_visible
from clinic.models import Patient
from clinic.services.audit import record_event
from diagnosis.services.differences import lesion_differences


class DifferenceSerializer(serializers.Serializer):
    lesion = serializers.UUIDField()
    distance = serializers.FloatField(
        help_text="Cosine distance of its mean features to the mean of the others', 0 to 2."
    )
    times_median = serializers.FloatField(
        help_text="The distance in medians of the patient's lesions: 1 is usual for this patient."
    )
    differs_most = serializers.BooleanField(
        help_text="The one that stands out; false for all where none does."
    )


class DifferencesSerializer(serializers.Serializer):
    results = DifferenceSerializer(many=True)


class PatientDifferencesViewSet(ApiViewSet):
    serializer_class = DifferencesSerializer
    queryset = Patient.objects.none()  # for the schema: the address names the patient

    @extend_schema(
        summary="How far each lesion lies from the patient's others, the farthest first",
        description="From the features that the hospital's active model saw; from four lesions on, "
        "else empty. A hint of where to look twice: not a diagnosis, and not validated.",
        responses=DifferencesSerializer,
    )
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        patient = find_visible(Patient.objects, request.user, pk)
        found = lesion_differences(patient)
        rows = [
            {
                "lesion": lesion,
                "distance": difference.distance,
                "times_median": difference.times,
                "differs_most": difference.most,
            }
            for lesion, difference in sorted(found.items(), key=lambda row: -row[1].distance)
        ]
        record_event(
            actor=request.user,
            action="view_patient",
            hospital=patient.hospital_id,
            obj=patient,
            details={"part": "lesion_differences"},
        )
        return Response(DifferencesSerializer({"results": rows}).data)
