"""Download images and metadata from the ISIC archive."""

from ml.fetching.archive import API, fetch

__all__ = ["API", "fetch"]
