"""Before a turn: which open cases nearby tell of the same problem, asked of the NLU while no transaction is open."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.dialogue import restored
from nlu.understanding import REQUEST_INTENTS, NluUnavailable, Understander, Understanding
from workflows.database import Database
from workflows.models import Chat, Person
from workflows.office import Office
from workflows.policy.places import Address

MOST = 4  # cases held against one message: each costs the reader as much as a message


class Nearby:
    """Gives a turn what the reader thinks of the open cases around: case id → chance that it is the same problem."""

    def __init__(
        self,
        database: Database,
        understander: Understander,
        office: Callable[[AsyncSession], Office],
    ) -> None:
        self._database = database
        self._understander = understander
        self._office = office

    async def __call__(
        self, chat: Chat | None, person: Person | None, text: str, understood: Understanding | None
    ) -> dict[int, float]:
        """Empty when nothing is being reported, nothing is near, or the NLU is away: the letters decide then."""
        draft = restored(chat.data).draft if chat is not None else None
        if draft is None and (understood is None or not _reports(understood)):
            return {}
        async with self._database.glancing() as session:
            office = self._office(session)
            known = draft.where if draft is not None else Address()
            where = self._where(office, person, text, understood, known)
            near = await office.cases.nearby(where, MOST)
        if not near:
            return {}
        try:
            chances = await self._understander.alike(text, [told for _, told in near])
        except NluUnavailable:
            return {}
        return {case_id: chance for (case_id, _), chance in zip(near, chances, strict=False)}

    def _where(
        self, office: Office, person: Person | None, text: str, understood: Understanding | None, known: Address
    ) -> Address:
        home, community = Address(), None
        if person is not None:
            community = person.community_id
            home = office.directory.address_of(
                person.home_estate_id, person.home_building, person.home_unit, person.home_room
            )
        entities: dict[str, list[str]] = {}
        for entity in understood.entities if understood is not None else ():
            entities.setdefault(entity.kind, []).append(entity.value)
        found = office.directory.locate(text, prefer_community=community, entities=entities, home=home)
        where = office.directory.refine(known, found)
        return where if where.estate_id is not None or where.grid_id is not None else home


def _reports(understood: Understanding) -> bool:
    return (
        understood.intent in REQUEST_INTENTS
        or sum(score for label, score in understood.ranking if label in REQUEST_INTENTS) > 0.3
    )
