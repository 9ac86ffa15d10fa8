"""AES-256-GCM (NIST SP 800-38D) with keys derived from SECRET_KEY by HKDF-SHA-256 (RFC 5869).

The package behind it is large: the module is loaded by the first who seals or opens something.
"""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.db.sealed import SealBroken

_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class Keyring:
    """Seals with the first secret, opens with any of them: `key id (4) + nonce (12) + ciphertext`."""

    def __init__(self, secrets: Sequence[str]) -> None:
        keys = [
            HKDF(SHA256(), 32, None, b"agentpress sealed column").derive(secret.encode())
            for secret in secrets
        ]
        self._keys = {hashlib.sha256(key).digest()[:_KEY_ID_BYTES]: key for key in keys}
        self._first = next(iter(self._keys))

    def seal(self, value: bytes) -> bytes:
        """Encrypt; equal values give different results."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._first + nonce + AESGCM(self._keys[self._first]).encrypt(nonce, value, None)

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is sealed with the first secret."""
        return sealed[:_KEY_ID_BYTES] == self._first

    def open(self, sealed: bytes) -> bytes:
        """Decrypt. Raises SealBroken if no key fits or the value was tampered with."""
        key = self._keys.get(sealed[:_KEY_ID_BYTES])
        if key is None:
            raise SealBroken("sealed with another SECRET_KEY")
        start = _KEY_ID_BYTES + _NONCE_BYTES
        try:
            return AESGCM(key).decrypt(sealed[_KEY_ID_BYTES:start], sealed[start:], None)
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise SealBroken("sealed value was changed") from error
