"""What models and tools say, as the database can keep it."""

from typing import Any

MOST_LEVELS = 60
"""Objects and lists within each other."""


def storable(value: Any, levels: int = MOST_LEVELS) -> Any:
    """JSON values with a sign for each character that cannot be stored: NUL, and halves of characters.

    Raises ValueError if they are nested more deeply than `levels`.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {storable(name): storable(each, levels - 1) for name, each in value.items()}
    return [storable(each, levels - 1) for each in value]
