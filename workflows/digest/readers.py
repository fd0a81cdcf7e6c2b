"""Who gets this week's digest: how often each person wants theirs, and when they had the last one."""

from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import DigestIssue, Person
from workflows.policy.audiences import Audience
from workflows.policy.frequency import Frequency, is_due, weeks_told
from workflows.policy.weeks import Week

_AT_ONCE = 400  # persons in one SELECT

Recipient = tuple[int, Audience]  # a person, and for which of their digests


def frequency_of(person: Person) -> Frequency:
    """How often they want it; what an older version or a hand has written otherwise counts as weekly."""
    return Frequency(person.digest) if person.digest in list(Frequency) else Frequency.WEEKLY


class Readers:
    """Looks at many persons at once. One instance per transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, wanted: Collection[Recipient], week: Week) -> list[Recipient]:
        """Those of `wanted` whose turn this week is, in the same order. Persons that are gone are left out."""
        often = await self._frequencies({person for person, _ in wanted})
        rarer = {person for person, how in often.items() if how not in (Frequency.WEEKLY, Frequency.OFF)}
        last = await self.last_issues(rarer, week)
        return [
            (person, audience)
            for person, audience in wanted
            if person in often and is_due(often[person], week.monday, last.get((person, audience)))
        ]

    async def weeks_told(self, persons: Iterable[Person], week: Week) -> dict[int, int]:
        """How many weeks the resident's digest of each of these persons covers, this one included."""
        often = {person.id: frequency_of(person) for person in persons}
        rarer = {person for person, how in often.items() if how.most_weeks > 1}
        last = await self.last_issues(rarer, week)
        return {
            person: weeks_told(how, week.monday, last.get((person, Audience.RESIDENT))) for person, how in often.items()
        }

    async def last_issues(self, persons: Collection[int], week: Week) -> dict[Recipient, date]:
        """The Monday of the newest week before this one whose digest each of them got."""
        found: dict[Recipient, date] = {}
        for some in _portions(persons):
            rows = await self._session.execute(
                select(DigestIssue.person_id, DigestIssue.audience, func.max(DigestIssue.week))
                # The keys of weeks are ordered as the weeks are.
                .where(DigestIssue.person_id.in_(some), DigestIssue.week < week.key)
                .group_by(DigestIssue.person_id, DigestIssue.audience)
            )
            for person, audience, key in rows:
                found[person, Audience(audience)] = Week.parse(key, week.zone).monday
        return found

    async def _frequencies(self, persons: Collection[int]) -> dict[int, Frequency]:
        found: dict[int, Frequency] = {}
        for some in _portions(persons):
            for person in (await self._session.execute(select(Person).where(Person.id.in_(some)))).scalars():
                found[person.id] = frequency_of(person)
        return found


def _portions(persons: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(persons)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
