"""Addresses of what is asked, read, reviewed and reported."""

from django.urls import path

from diagnosis.views import (
    batches,
    diagnoses,
    heat_maps,
    histopathology,
    models,
    new_diagnosis,
    patient_reports,
    recalls,
    records,
    reports,
    settings,
    worklist,
)

urlpatterns = [
    path("", worklist.worklist, name="worklist"),
    path("patients/<uuid:pk>/", records.patient, name="patient"),
    path(
        "patients/<uuid:pk>/report.pdf",
        patient_reports.patient_document,
        name="patient-report-pdf",
    ),
    path("lesions/<uuid:pk>/", records.lesion, name="lesion"),
    path(
        "lesions/<uuid:pk>/histopathology/",
        histopathology.histopathology_create,
        name="histopathology-create",
    ),
    path("recalls/", recalls.recalls, name="recalls"),
    path("diagnoses/new/", new_diagnosis.diagnosis_create, name="diagnosis-create"),
    path("diagnoses/new/patient/", new_diagnosis.patient_lookup, name="diagnosis-patient"),
    path("diagnoses/<uuid:pk>/", diagnoses.diagnosis, name="diagnosis"),
    path("diagnoses/<uuid:pk>/answer/", diagnoses.answer, name="diagnosis-answer"),
    path("diagnoses/<uuid:pk>/heatmap/", heat_maps.heat_map, name="diagnosis-heat-map"),
    path(
        "diagnoses/<uuid:pk>/heatmap.png",
        heat_maps.heat_map_picture,
        name="diagnosis-heat-map-picture",
    ),
    path("diagnoses/<uuid:pk>/review/", diagnoses.review, name="diagnosis-review"),
    path("diagnoses/<uuid:pk>/cancel/", diagnoses.cancel, name="diagnosis-cancel"),
    path("diagnoses/<uuid:pk>/order-again/", diagnoses.order_again, name="diagnosis-order-again"),
    path("batches/new/", batches.batch_create, name="batch-create"),
    path("batches/new/patient/", batches.batch_patient, name="batch-patient"),
    path("batches/<uuid:pk>/", batches.batch, name="batch"),
    path("batches/<uuid:pk>/files/", batches.batch_file, name="batch-file"),
    path("batches/<uuid:pk>/files/<uuid:file>/repeat/", batches.batch_repeat, name="batch-repeat"),
    path("batches/<uuid:pk>/files/<uuid:file>/forget/", batches.batch_forget, name="batch-forget"),
    path("reports/hospital/", reports.hospital, name="hospital-report"),
    path("reports/hospital.csv", reports.hospital_csv, name="hospital-report-csv"),
    path("reports/hospital.pdf", reports.hospital_document, name="hospital-report-pdf"),
    path("reports/hospital.zip", reports.hospital_images, name="hospital-report-zip"),
    path("administration/settings/", settings.hospital_settings, name="hospital-settings"),
    path("models/", models.models, name="models"),
    path("models/<uuid:pk>/", models.model, name="model"),
    path("models/<uuid:pk>/activate/", models.activate, name="model-activate"),
    path("models/<uuid:pk>/retire/", models.retire, name="model-retire"),
]
