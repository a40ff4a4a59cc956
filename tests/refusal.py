"""What is said to a user whose mistake is refused."""

import pytest

from bert_cpu.errors import UserError


def refusal_of(function, *arguments, **named):
    """The one line with which a function refuses what it is given."""
    with pytest.raises(UserError) as refusal:
        function(*arguments, **named)
    message = str(refusal.value)
    assert "\n" not in message
    return message
