"""Ask, read, review, report: requests, predictions, reviews, reports, model versions."""
