"""Data sets: readers, splits and the in-memory cache."""
