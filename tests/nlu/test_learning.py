"""From a one-tap correction to a model in service: the whole way, with the real training and the real Rasa."""

import asyncio
from pathlib import Path

import pytest

from bot.learning import Learning
from nlu.rasa_pool import RasaPool
from tests.conftest import settings_for
from tests.town import TUESDAY, Town

pytestmark = pytest.mark.rasa
CODEWORD = "福来哩达桑又呜呜转不停"  # means nothing to anybody, until somebody says what it means


@pytest.mark.timeout(900)
async def test_a_correction_teaches_the_reader_which_changes_over_without_a_pause(town: Town, tmp_path: Path) -> None:
    if not town.app.database.sqlite:
        pytest.skip("the database makes no difference to a training: once is enough")
    await town.says("td-resident", f"富邦小区3号楼2单元，{CODEWORD}，能不能管管")
    if not await town.cases():
        await town.taps("td-resident", "都不是")
    case = (await town.cases())[0] if await town.cases() else None
    if case is None:
        await town.taps("td-resident", "电梯")
    else:
        await town.taps("td-resident", "改类别")
        await town.taps("td-resident", "电梯")
    settings = settings_for(town.app.settings.database.url, tmp_path / "operator")
    learning = Learning(settings, town.app.database, TUESDAY)
    [candidate] = await learning.candidates("new")
    assert candidate.corrected == "elevator" and CODEWORD in candidate.text
    await learning.accept([candidate.id], "")

    async with RasaPool(
        pointer=settings.live_model, log_file=tmp_path / "rasa.log", timeout_seconds=30, look_seconds=0.2
    ) as pool:
        await pool.wait_until_ready(180)
        before = await pool.understand(CODEWORD)
        new = await learning.train()
        old, compared, comparison = await learning.compare()
        assert compared == new and old == pool.model
        assert comparison.new["corrections"]["accuracy"] >= comparison.old["corrections"]["accuracy"]
        assert comparison.worse == []
        learning.publish(new)
        answers = []
        while pool.model != new:
            answers.append(await pool.understand("楼道灯不亮"))  # nobody waits for the change
        answers.append(await pool.understand("楼道灯不亮"))
        assert {answer.intent for answer in answers} == {"street_light"}
        after = await pool.understand(CODEWORD)
        assert dict(after.ranking).get("elevator", 0.0) > dict(before.ranking).get("elevator", 0.0)
        await asyncio.sleep(0)
