"""Lists to choose from that say what to choose."""

from typing import Any

from wtforms import SelectField
from wtforms.validators import ValidationError


class ChoiceField(SelectField):
    """One of a list; `wrong` is what is said of anything else."""

    def __init__(self, label: str, *, wrong: str, **values: Any) -> None:
        super().__init__(label, **values)
        self.wrong = wrong

    def pre_validate(self, form: Any) -> None:
        """Refuse what the list does not offer."""
        try:
            super().pre_validate(form)
        except ValidationError as error:
            raise ValidationError(self.wrong) from error
