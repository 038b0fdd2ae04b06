"""What can go wrong in ml, each with one clear sentence for the person who runs it."""


class MlError(Exception):
    """Bad input that the caller can put right; the message is a full sentence."""


class CheckpointError(MlError):
    """A checkpoint folder is incomplete, altered or does not fit this code."""


class PredictionError(MlError):
    """The model gave something that is not a probability, or the batch does not fit it."""


class DataError(MlError):
    """A data set cannot be read, or a split would leak."""


class RecipeError(MlError):
    """There is no such recipe, backbone, head or option."""


class TrainingError(MlError):
    """Training cannot go on; the last good state is kept."""


class DivergedError(TrainingError):
    """The loss or its gradient is no number any more."""
