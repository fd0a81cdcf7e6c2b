"""A short season: the promises hold at every tick, and the check itself can fail."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot import simulation
from bot.settings import Settings, load
from bot.simulation import Season, simulate
from workflows.models import Case

ROOT = Path(__file__).parents[2]


def settings(storage: Path) -> Settings:
    return load(ROOT / "config.yml", storage=storage)


async def test_three_weeks_of_a_neighbourhood_keep_the_promises(tmp_path: Path) -> None:
    measures = await simulate(settings(tmp_path), days=21, residents=300, seed=3)
    assert measures["cases"] > 10
    assert measures["ticks"] == 21 * simulation.TICKS_A_DAY
    assert (measures["without_holder"], measures["without_clock"]) == (0, 0)
    assert measures["digest_equals_recount"] is True


async def test_the_same_seed_is_the_same_season(tmp_path: Path) -> None:
    first, second = [await simulate(settings(tmp_path / name), 7, 200, 5) for name in ("a", "b")]
    assert first == second


async def test_a_digest_that_does_not_tell_what_the_history_says_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Season._reckoning

    async def after_a_forgery(season: Season) -> dict[str, Any]:
        """Somebody improves the table behind the history's back."""
        async with season.database.writing() as session:
            await session.execute(update(Case).values(verdict="solved", status="solved", closed_at=season.start))
        return await honest(season)

    monkeypatch.setattr(Season, "_reckoning", after_a_forgery)
    measures = await simulate(settings(tmp_path), days=14, residents=300, seed=3)
    assert measures["digest_equals_recount"] is False
    assert measures["differences"]
