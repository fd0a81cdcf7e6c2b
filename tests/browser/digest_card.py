"""Makes the README's picture of the digest: a made-up season on a throw-away database, its last whole week drawn.

.venv/bin/python -m tests.browser.digest_card [FILE.png]
"""

import asyncio
import io
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from PIL import Image

from bot.pictures.font import typeface
from bot.pictures.sketch import as_jpeg
from bot.pictures.week_card import lay_out
from bot.simulation import Season
from tests.conftest import settings_for
from workflows.database import Database
from workflows.digest import Week, WeekCard
from workflows.directory import Directory
from workflows.office import Office

DAYS, RESIDENTS, SEED = 70, 240, 7
SHOWN = Path(__file__).with_name("digest_card.png")


async def _card(folder: Path) -> WeekCard:
    url = f"sqlite+aiosqlite:///{folder / 'season.db'}"
    settings, database = settings_for(url, folder), Database(url)
    season = Season(settings, database, DAYS, RESIDENTS, seed=SEED)
    try:
        await season.play()
        end = season.start + timedelta(days=DAYS)
        async with database.reading() as session:
            office = Office(session, end, season.rules, await Directory.load(session))
            week = Week.of(end, settings.zone).previous()
            cards = [await office.digests.card(community.id, week) for community in office.directory.communities]
        return max(cards, key=lambda card: card.measures.opened)
    finally:
        await database.close()


def main(shown: Path) -> None:
    """Draw it; fewer colours make the file a third as large."""
    with tempfile.TemporaryDirectory() as folder:
        card = asyncio.run(_card(Path(folder)))
    with Image.open(io.BytesIO(as_jpeg(lay_out(card, typeface())))) as picture:
        picture.resize((picture.width * 2 // 3, picture.height * 2 // 3)).quantize(48).save(shown, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHOWN)
