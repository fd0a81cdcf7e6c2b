"""Speech to text: the port, and one engine behind it that an operator may install. Without one, people listen."""

import importlib
import importlib.util
import threading
from pathlib import Path
from typing import Any, Protocol

ENGINE = "faster-whisper"
INSTALL = "uv pip install --python .venv/bin/python 'faster-whisper>=1.1,<2'"
_MODULE = "faster_whisper"


class SpeechUnavailable(Exception):
    """The engine is not installed, its model is not there, or it failed on this recording. The recording stays."""


class SpeechEngine(Protocol):
    """What turns a recording into words. Called in a thread of its own, never within a turn."""

    def recognise(self, recording: Path) -> str:
        """The words of a recording in Chinese; empty where there are none.

        Raises:
            SpeechUnavailable: it cannot be read now.
        """
        ...


class Whisper:
    """faster-whisper with a model directory of the operator's; loaded with the first recording, one at a time."""

    def __init__(self, model: Path) -> None:
        self._directory = model
        self._model: Any = None
        self._one = threading.Lock()

    def recognise(self, recording: Path) -> str:
        """As the port says."""
        with self._one:
            try:
                if self._model is None:
                    whisper = importlib.import_module(_MODULE)
                    self._model = whisper.WhisperModel(
                        str(self._directory), device="cpu", compute_type="int8", local_files_only=True
                    )
                segments, _ = self._model.transcribe(str(recording), language="zh", vad_filter=False, beam_size=5)
                return "".join(segment.text for segment in segments).strip()
            except Exception as error:  # whatever the engine does, the recording is there and a person hears it
                raise SpeechUnavailable(f"{ENGINE}: {type(error).__name__}") from error


def trouble(engine: str, model: Path | None) -> tuple[str, str] | None:
    """What keeps a configured engine from working, and the remedy; None when nothing does, or none is wanted."""
    if not engine:
        return None
    if importlib.util.find_spec(_MODULE) is None:
        return f"speech.engine is {engine}, which is not installed", INSTALL
    if model is None or not (model / "model.bin").is_file():
        remedy = "set speech.model to the directory of a converted Whisper model (it holds model.bin and config.json)"
        return f"speech.model is no model: {model}", remedy
    return None


def engine_of(engine: str, model: Path | None) -> SpeechEngine | None:
    """The configured engine; None where none is wanted or it cannot work (`trouble` says why)."""
    if not engine or model is None or trouble(engine, model) is not None:
        return None
    return Whisper(model)
