"""The honest measures: the digest's own numbers, for any week, month or quarter, beside those of the span before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from workflows.console.spans import Span, of, week_span
from workflows.console.viewer import Viewer
from workflows.digest.counting import RepeatPlace
from workflows.models import HotlineMonth
from workflows.office import Office
from workflows.policy.measures import Measures, Share
from workflows.policy.weeks import Week

MOST_WEEKS = 26


@dataclass(frozen=True)
class Measured:
    """A span's numbers, and those of the span before it where they were asked for."""

    span: Span
    now: Measures
    before: Measures | None
    repeat_places: Sequence[RepeatPlace]
    running: bool


async def measured(office: Office, viewer: Viewer, span: Span, *, compare: bool) -> Measured:
    """The numbers of the viewer's community, by the digest's function; places only where the viewer may see the cases.

    `compare`: with the span before. That doubles the counting: a month of 3,000 cases takes a tenth of a second.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    before = span.previous(office.rules.zone)
    return Measured(
        span=span,
        now=await office.digests.measures(viewer.community_id, span.start, span.end),
        before=await office.digests.measures(viewer.community_id, before.start, before.end) if compare else None,
        # Not of a quarter: with them it takes longer than a page may.
        repeat_places=()
        if span.kind == "quarter"
        else await office.digests.repeat_places(viewer.community_id, span.start, span.end, viewer.sees()),
        running=span.end > office.now,
    )


@dataclass(frozen=True)
class Grid:
    """Categories × weeks: how many cases of each were opened."""

    weeks: Sequence[Week]
    rows: Sequence[tuple[str, Sequence[int]]]  # category code, and its number in each week; most first

    @property
    def totals(self) -> list[int]:
        """Of each week."""
        return [sum(numbers[n] for _, numbers in self.rows) for n in range(len(self.weeks))]

    @property
    def most(self) -> int:
        """The largest number of a cell."""
        return max((number for _, numbers in self.rows for number in numbers), default=0)


async def weekly(office: Office, viewer: Viewer, weeks: int) -> Grid:
    """The running week and those before it, oldest first.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    zone, count = office.rules.zone, min(max(2, weeks), MOST_WEEKS)
    chosen = [Week.of(office.now, zone)]
    while len(chosen) < count:
        chosen.append(chosen[-1].previous())
    chosen.reverse()
    counted = []
    for week in chosen:
        span = week_span(week)
        counted.append(await office.digests.opened_by_category(viewer.community_id, span.start, span.end))
    codes = {code for numbers in counted for code in numbers}
    rows = [(code, [numbers.get(code, 0) for numbers in counted]) for code in codes]
    return Grid(chosen, sorted(rows, key=lambda row: (-sum(row[1]), row[0])))


# ---- 12345 (M15)


@dataclass(frozen=True)
class Outcome:
    """A month: calls to the city's line as reported (None: not yet), beside what was told to us."""

    month: str
    calls: int | None
    opened: int
    response: Share
    satisfaction: Share


async def outcome(office: Office, viewer: Viewer, months: int = 6) -> list[Outcome]:
    """The running month and those before it, newest first.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    zone = office.rules.zone
    rows = await office.session.execute(select(HotlineMonth).where(HotlineMonth.community_id == viewer.community_id))
    calls: Mapping[str, int] = {row.month: row.calls for row in rows.scalars()}
    spans = [of("month", office.now.astimezone(zone).date().toordinal(), zone)]
    while len(spans) < months:
        spans.append(spans[-1].previous(zone))
    found = []
    for span in spans:
        ours = await office.digests.answers(viewer.community_id, span.start, span.end)
        found.append(Outcome(span.key, calls.get(span.key), ours.opened, ours.response, ours.satisfaction))
    return found
