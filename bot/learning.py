"""The reader learns from what people put right: candidates, an operator's word, a new model, and its way into service."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.settings import Settings
from nlu import training
from nlu.rasa_pool import live_model, refuse_wrong
from nlu.training import Comparison
from nlu.understanding import INTENTS
from workflows.corrections import Candidate, Corrections
from workflows.database import Database


class NothingToServe(Exception):
    """There is no new model: `xiaoshao nlu train` makes one."""


@dataclass(frozen=True)
class Learning:
    """One installation's models and corrections. What is in `storage/nlu` is the operator's; the shipped model stays."""

    settings: Settings
    database: Database
    now: datetime

    @property
    def folder(self) -> Path:
        """Where this installation's own models are."""
        return self.settings.storage / "nlu"

    @property
    def newest(self) -> Path:
        """The model that `train` made last.

        Raises:
            NothingToServe: none was made yet.
        """
        made = sorted(self.folder.glob("models/*.tar.gz"))
        if not made:
            raise NothingToServe("there is no new model: run `xiaoshao nlu train` first")
        return made[-1]

    async def candidates(self, *states: str) -> list[Candidate]:
        """What people put right, with where it came from."""
        async with self.database.reading() as session:
            return await Corrections(session, self.now).candidates(*states)

    async def accept(self, ids: list[int], label: str) -> None:
        """Raises NoSuchCandidate or NoLabel."""
        async with self.database.writing() as session:
            await Corrections(session, self.now).accept(ids, label, known=INTENTS)

    async def reject(self, ids: list[int]) -> None:
        """Raises NoSuchCandidate."""
        async with self.database.writing() as session:
            await Corrections(session, self.now).reject(ids)

    async def accepted(self) -> list[tuple[str, str]]:
        """(intent, text) of every accepted correction; numbers of phones and IDs are masked."""
        return [(row.label, row.text) for row in await self.candidates("accepted")]

    async def train(self) -> Path:
        """A model from the shipped messages and the accepted corrections.

        Raises:
            TrainingFailed, NluUnavailable: no model came out.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        messages = self.folder / "corrections.yml"
        messages.write_text(training.as_training_file(await self.accepted()), "utf-8")
        out = self.folder / "models" / f"{self.now:%Y%m%d-%H%M%S}.tar.gz"
        training.train(messages, out)
        return out

    async def compare(self) -> tuple[Path, Path, Comparison]:
        """(old, new, what each reads right): the model in service against the newest.

        Raises:
            NothingToServe, WrongModel, NluUnavailable: they cannot be compared.
        """
        old, new = live_model(self.pointer), self.newest
        refuse_wrong(new)
        log_file = self.settings.storage / "log" / "rasa-compare.log"
        return old, new, await training.compare(old, new, await self.accepted(), log_file)

    @property
    def pointer(self) -> Path:
        """The file that names the model in service; running processes look at it."""
        return self.settings.live_model

    def publish(self, model: Path) -> None:
        """From now on this model serves, in processes that run already too."""
        self.pointer.parent.mkdir(parents=True, exist_ok=True)
        half = self.pointer.with_suffix(".half")
        half.write_text(f"{model.resolve()}\n", "utf-8")
        os.replace(half, self.pointer)
