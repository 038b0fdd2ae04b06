"""What a card says that the model cannot do."""

from pathlib import Path

import pytest

from ml.data.samples import Sample
from ml.limits import state_limits


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("skin_type", ["", "III"])
def test_limits_are_those_of_this_model(refuses, skin_type):
    known = Sample(Path("a.png"), "mel", "a", {"skin_type": skin_type} if skin_type else {})
    other = Sample(Path("b.png"), "nv", "b")
    text = " ".join(state_limits("Clinic + ISIC 2017", [known, other], refuses))
    assert "measured on Clinic + ISIC 2017 alone" in text
    assert ("Skin type is not recorded" in text) == (not skin_type)
    assert ("It refuses most pictures" in text) == refuses
    assert ("It refuses nothing" in text) == (not refuses)
