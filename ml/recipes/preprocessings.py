"""What the pretrained networks expect of a picture."""

from ml.config import Preprocessing

# channel means and deviations of ImageNet
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imagenet(size: int) -> Preprocessing:
    """Normalised by ImageNet's statistics."""
    return Preprocessing(size=size, mean=_MEAN, std=_STD)


def between_minus_one_and_one(size: int) -> Preprocessing:
    return Preprocessing(size=size)
