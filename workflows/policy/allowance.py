"""How much one person may do in a while."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What one person may do. Danger is never limited."""

    messages_per_minute: int
    photos_per_hour: int
    cases_per_day: int
