"""What the picture draws, recounted from the history."""

from datetime import timedelta

from bot.pictures.font import typeface
from bot.pictures.week_card import lay_out
from tests.unit.workflows.test_digest import MONDAY, NEXT_MONDAY, THURSDAY, TUESDAY, WEEK, ZONE, town  # noqa: F401
from workflows.digest import Audience, Week
from workflows.recount import count, read


async def test_every_number_that_is_drawn_is_the_one_that_the_history_gives(town):  # noqa: F811
    for weeks_ago, number in ((8, 2), (5, 1), (2, 3), (1, 1), (0, 4)):
        for n in range(number):
            day = timedelta(weeks=weeks_ago)
            case = await town.report(MONDAY - day, estate="富邦小区" if n == 1 else "园林小区", building="3")
            if n % 2 == 0:
                await town.solved_by_grid(case, TUESDAY - day)
                await town.says(case, THURSDAY - day, "solved" if n else "not")
    async with town.at(NEXT_MONDAY) as office:
        card = await office.digests.card(town.home, WEEK)
        digest = await office.digests.make(Audience.COMMUNITY, town.who["社区书记"], WEEK)
        stories = [s for s in await read(office.session, [town.home], town.rules) if s.community_id == town.home]
    assert card.tells_the_same_as(digest)
    sketch = lay_out(card, typeface())
    for of in ("opened", "solved", "open"):
        drawn = {bar.key: bar.value for bar in sketch.bars if bar.of == of}
        weeks = [Week.parse(key, ZONE) for key in drawn]
        assert len(weeks) == 9
        recounted = {week.key: count(stories, week.start, week.end, NEXT_MONDAY) for week in weeks}
        assert drawn == {key: getattr(measures, of) for key, measures in recounted.items()}
    now = count(stories, WEEK.start, WEEK.end, NEXT_MONDAY)
    assert {bar.key: bar.value for bar in sketch.bars if bar.of == "estate"} == now.by_estate
    assert [bar.value for bar in sketch.bars if bar.of == "on_time"] == [now.on_time.part]
    assert now.opened == 4
