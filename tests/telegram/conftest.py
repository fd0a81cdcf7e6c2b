"""Fixtures: the emulator as its own process, and the gate before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telegram.line import Emulator, Gate, Person, emulator_on_a_free_port, gate_before


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    """A fresh Bot API."""
    async with emulator_on_a_free_port(tmp_path) as running:
        yield running


@pytest.fixture
async def gate(emulator: Emulator) -> AsyncIterator[Gate]:
    """The way to it, on which we listen and make trouble."""
    async with gate_before(emulator) as running:
        yield running


@pytest.fixture
def stranger(emulator: Emulator) -> Person:
    """Somebody who has never written before."""
    return Person(emulator)
