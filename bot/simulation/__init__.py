"""`xiaoshao simulate`: a made-up season, played by the use cases and through the real dispatcher."""

from bot.simulation.season import TICKS_A_DAY, Season, simulate
from bot.simulation.words import TEXTS

__all__ = ["TEXTS", "TICKS_A_DAY", "Season", "simulate"]
