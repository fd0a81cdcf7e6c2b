"""归属裁定 to look up as precedents, with what became of each: a rule, only this once, or still to be decided."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, exists, select

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import ForTheOffice, Viewer
from workflows.models import Case, RoutingRule, Ruling
from workflows.office import Office
from workflows.policy import precedents
from workflows.policy.permissions import Role
from workflows.policy.privacy import mask
from workflows.rulings import SCOPES, Precedent, Rule, RulingNotFound

SHOWN = 100
_SEARCHED = 2000  # the newest of a community; words are looked for among these, as in the chat
STATES = ("", "new", "rule", "once")


@dataclass(frozen=True)
class Sought:
    """What somebody looks for."""

    words: str = ""
    category: str = ""
    department_unit_id: int | None = None
    state: str = ""


@dataclass(frozen=True)
class Found:
    """A precedent, with its case where the viewer may open it, and what became of it."""

    precedent: Precedent
    case_id: int | None
    state: str  # new | rule | once


async def search(office: Office, viewer: Viewer, sought: Sought, limit: int = SHOWN) -> list[Found]:
    """Rulings of the viewer's community, the most alike first, without words the newest; none that is about them.

    Raises:
        ForTheOffice: they neither rule nor patrol.
    """
    if not viewer.office and not viewer.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY):
        raise ForTheOffice
    rows = await office.session.execute(
        select(Ruling, _has_rule(), viewer.sees())
        .join(Case, Case.id == Ruling.case_id)
        .where(Ruling.community_id == viewer.community_id, viewer.not_about_me(), *_conditions(sought))
        .order_by(Ruling.id.desc())
        .limit(_SEARCHED)
    )
    known = {ruling.id: (ruling, ruled, seen) for ruling, ruled, seen in rows}
    out = []
    for ruling_id in _ordered(office, [ruling for ruling, *_ in known.values()], sought.words)[:limit]:
        ruling, ruled, seen = known[ruling_id]
        told = _told(await office.rulings.precedent(ruling))
        out.append(Found(told, ruling.case_id if seen else None, _state(ruling, ruled)))
    return out


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if sought.category:
        where.append(Ruling.category == sought.category)
    if sought.department_unit_id is not None:
        where.append(Ruling.department_unit_id == sought.department_unit_id)
    match sought.state:
        case "rule":
            where.append(_has_rule())
        case "once":
            where += [Ruling.declined_at.is_not(None), ~_has_rule()]
        case "new":
            where += [Ruling.declined_at.is_(None), ~_has_rule()]
        case _:
            pass
    return where


def _has_rule() -> ColumnElement[bool]:
    return exists().where(RoutingRule.ruling_id == Ruling.id, RoutingRule.ended_at.is_(None))


def _state(ruling: Ruling, ruled: bool) -> str:
    if ruled:
        return "rule"
    return "once" if ruling.declined_at is not None else "new"


def _ordered(office: Office, rulings: Sequence[Ruling], words: str) -> list[int]:
    unit = office.directory.unit
    ruled = [
        precedents.Ruled(
            r.id, r.category, r.estate_text, r.place_text, f"{r.text}{r.reason}", unit(r.department_unit_id).name
        )
        for r in rulings
    ]
    return precedents.most_like(ruled, words, "", len(ruled))


def _told(one: Precedent) -> Precedent:
    """Without telephone and ID numbers."""
    return replace(one, text=mask(one.text), place=mask(one.place), reason=mask(one.reason))


async def rules(office: Office, viewer: Viewer) -> list[Rule]:
    """The rules in force, those asked first at the top.

    Raises:
        ForTheOffice: they neither rule nor patrol.
    """
    if not viewer.office and not viewer.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY):
        raise ForTheOffice
    return [replace(rule, word=mask(rule.word)) for rule in await office.rulings.rules(viewer.person_id)]


async def decide(office: Office, viewer: Viewer, ruling_id: int, scope: str) -> str:
    """Make a rule of a ruling (place, estate, all), or none ("no"); what the page says of it.

    Raises:
        ForTheOffice: only the community's office decides.
        RulingNotFound: no such ruling of their community, or no such scope.
    """
    viewer.needs_office()
    if scope == "no":
        found = await office.rulings.decline(viewer.person_id, ruling_id)
        audit.note(office, viewer, Deed.CHANGE, f"归属裁定{found.number}：只这一次")
        return "once"
    if scope not in SCOPES:
        raise RulingNotFound(ruling_id)
    rule = await office.rulings.accept(viewer.person_id, ruling_id, scope)
    audit.note(
        office, viewer, Deed.CHANGE, f"分派规则{rule.id}：采用（{rule.category}→{rule.department}，{rule.number}）"
    )
    return "ruled"


async def end(office: Office, viewer: Viewer, rule_id: int) -> None:
    """Lay a rule down.

    Raises:
        ForTheOffice: only the community's office does that.
        RulingNotFound: no such rule in force in their community.
    """
    viewer.needs_office()
    rule = await office.rulings.end(viewer.person_id, rule_id)
    audit.note(office, viewer, Deed.CHANGE, f"分派规则{rule.id}：停用（{rule.category}→{rule.department}）")
