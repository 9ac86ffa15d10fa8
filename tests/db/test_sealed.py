import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.keyring import Keyring, SealBroken

RING = Keyring(["first secret"])


@given(st.binary())
def test_what_is_sealed_opens_again(value):
    assert RING.open(RING.seal(value)) == value


def test_equal_values_differ_when_sealed():
    assert RING.seal(b"same") != RING.seal(b"same")


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new():
    rotated = Keyring(["second secret", "first secret"])
    assert rotated.open(RING.seal(b"value")) == b"value"
    assert Keyring(["second secret"]).open(rotated.seal(b"value")) == b"value"


def test_another_key_or_a_changed_value_is_refused():
    sealed = RING.seal(b"value")
    with pytest.raises(SealBroken, match="another"):
        Keyring(["other"]).open(sealed)
    for position in range(4, len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            RING.open(bytes(changed))
    for cut in range(len(sealed)):
        with pytest.raises(SealBroken):
            RING.open(sealed[:cut])
