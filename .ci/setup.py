"""Sets up whatever is missing: uv, the application's environment, Rasa's environment, the trained model.

Needs nothing but Python's standard library, so that a fresh clone can run it. What is up to date is left alone; what an
interruption left half made is made anew (downloads stay in uv's cache); two set-ups at once wait for each other.

An old Python must be able to read this file, or it could not be told what is wrong: nothing newer than 3.8 here.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

UV_VERSION = "0.13.9"
PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
UNFINISHED = "unfinished"


class Trouble(Exception):
    """The set-up cannot go on; the text says why and what to do."""


# What the person sees


class Display:
    """A live line on a terminal; elsewhere a line when a step starts, every so many seconds, and when it ends."""

    def __init__(self, stream: TextIO | None, live: bool | None = None, every: float = 10.0) -> None:
        self._stream = stream
        terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = terminal if live is None else live
        self._every = 0.2 if self._live else every
        self._title = self._latest = ""
        self._began = self._shown = 0.0

    def start(self, title: str) -> None:
        self._title, self._latest = title, ""
        self._began = self._shown = time.monotonic()
        self._overwrite(title) if self._live else self.say(f"{title} …")

    def heard(self, line: str) -> None:
        self._latest = line.strip()

    def tick(self) -> None:
        """Called often while a step runs."""
        now = time.monotonic()
        if now - self._shown < self._every:
            return
        self._shown = now
        line = f"{self._title}  {now - self._began:.0f} s  {self._latest}".rstrip()
        self._overwrite(line) if self._live else self.say(line)

    def end(self, outcome: str) -> None:
        line = f"{self._title}: {outcome}, {time.monotonic() - self._began:.1f} s"
        self.say(f"\r\x1b[2K{line}" if self._live else line)

    def say(self, text: str) -> None:
        self._write(text + "\n")

    def _overwrite(self, text: str) -> None:
        self._write("\r\x1b[2K" + cut(text, self._columns() - 1))

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80 if self._stream else 80
        except (OSError, ValueError):
            return 80

    def _write(self, text: str) -> None:
        if self._stream is None:  # started with its output closed
            return
        with contextlib.suppress(OSError):  # a terminal that has gone is no reason to stop
            self._stream.write(text)
            self._stream.flush()


def cut(text: str, columns: int) -> str:
    """As much as fits into one line; a Chinese character takes two columns."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return text[:position]
    return text


# Running a step


CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
# Python prints a warning as two lines, `file.py:44: …Warning: …` and the indented line of that file.
WARNING_WITH_SOURCE = re.compile(r"^(?!<).*:\d+: \w*Warning: ")


class Heard:
    """Cuts a child's output into lines, at \\n and at the \\r of progress bars, and remembers the last ones."""

    def __init__(self) -> None:
        self._rest = b""
        self._source_follows = False
        self.lines: deque[str] = deque(maxlen=400)

    def take(self, chunk: bytes) -> str | None:
        """The latest line worth showing, if the chunk ended one."""
        *whole, self._rest = re.split(rb"[\r\n]+", self._rest + chunk)
        said = [line for line in map(self._plain, whole) if line]
        self.lines.extend(said)
        latest = None
        for line in said:
            if self._worth_showing(line):
                latest = line
        return latest

    def _worth_showing(self, line: str) -> bool:
        """Not the warnings of other people's libraries: they are in the log, and nobody here can act on them."""
        is_source = self._source_follows and line.startswith("  ")
        self._source_follows = bool(WARNING_WITH_SOURCE.match(line))
        return not is_source and "Warning" not in line

    def close(self) -> None:
        self.take(b"\n")

    @staticmethod
    def _plain(line: bytes) -> str:
        return CONTROLS.sub("", line.decode("utf-8", "replace").expandtabs(4)).rstrip()


class Work:
    """Runs the commands of a step: shows that they are alive, keeps all they say in var/log, stops them with us."""

    def __init__(self, root: Path, display: Display, environment: dict[str, str]) -> None:
        self.root = root
        self.display = display
        self.environment = environment

    def do(self, step: str, title: str, commands: Sequence[Sequence[str]], folder: Path) -> None:
        log = self.root / "var" / "log" / f"setup-{step}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        self.display.start(title)
        outcome = "stopped"
        try:
            with log.open("wb", buffering=0) as record:
                for command in commands:
                    self._one(command, folder, record, log)
            outcome = "done"
        except Trouble:
            outcome = "failed"
            raise
        finally:
            self.display.end(outcome)

    def _one(self, command: Sequence[str], folder: Path, record: Any, log: Path) -> None:
        heard = Heard()
        try:
            child = subprocess.Popen(
                list(command),
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: Ctrl-C reaches us alone, and we stop all of it
                preexec_fn=dies_with_us(os.getpid()),  # noqa: PLW1509 - there are no threads here
            )
        except OSError as error:
            raise Trouble(f"{command[0]} does not start: {error.strerror}\n{remedy(str(error))}") from None
        with child:
            try:
                self._follow(child, heard, record)
            finally:
                stop(child)
        heard.close()
        if child.returncode != 0:
            raise Trouble(account(child.returncode, list(heard.lines), log))

    def _follow(self, child: subprocess.Popen[bytes], heard: Heard, record: Any) -> None:
        assert child.stdout
        pipe = child.stdout.fileno()
        open_still = True
        while open_still or child.poll() is None:
            self.display.tick()
            if not open_still:
                time.sleep(0.05)
            elif select.select([pipe], [], [], 0.1)[0]:
                chunk = os.read(pipe, 65536)
                open_still = bool(chunk)
                with contextlib.suppress(OSError):  # the disk is full: the last lines are still in memory
                    record.write(chunk)
                if latest := heard.take(chunk):
                    self.display.heard(latest)
            elif child.poll() is not None:  # something that it left behind holds the pipe open
                return


def dies_with_us(parent: int) -> Any:
    """For the child, before its program starts: if we are killed with SIGKILL, the kernel ends it too (Linux)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # `make setup &` in a script has it ignored
        if libc is not None:
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def stop(child: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """Ends the child's whole group: politely, then for certain. Waits without reaping, so that its number stays its own."""
    if child.poll() is not None:
        return
    try:
        os.killpg(child.pid, signal.SIGINT)
        until = time.monotonic() + patience
        while time.monotonic() < until and not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            time.sleep(0.02)
    finally:
        os.killpg(child.pid, signal.SIGKILL)


# What to say when it fails


AGAIN = "Then run the same command again; what is done already is kept."
REMEDIES: list[tuple[str, str]] = [
    (
        r"No space left on device|os error 28|Errno 28|Disk quota exceeded|os error 122",
        "The disk is full. The two environments take 2.7 GB and uv's cache (~/.cache/uv) 3 GB more where it lies on\n"
        f"another disk: make room, or set UV_CACHE_DIR to a folder on a larger disk. {AGAIN}",
    ),
    (
        r"[Cc]ertificate|SSLError|UnknownIssuer",
        "The network's certificate is not trusted. Behind a company's proxy, set SSL_CERT_FILE and PIP_CERT to its\n"
        f"certificate. {AGAIN}",
    ),
    (
        r"error sending request|dns error|[Nn]ame resolution|Name or service not known|ConnectionError|ProxyError"
        r"|[Cc]onnection (refused|reset|broken)|timed out|Network is unreachable|tunnel|Failed to (fetch|download)"
        r"|No matching distribution found for uv",
        "The package index (pypi.org, files.pythonhosted.org) could not be reached. Check the network; a proxy is taken\n"
        f"from HTTPS_PROXY, a mirror from UV_DEFAULT_INDEX and PIP_INDEX_URL. {AGAIN}",
    ),
    (
        r"not compatible with the (current|locked) platform|current (Python )?platform|supported.environments",
        "Rasa's environment is locked for Linux on x86-64: TensorFlow 2.12 and the sentence encoder have no build\n"
        "for this machine.",
    ),
    (
        r"No interpreter found|incompatible with the project's Python|requires-python|No module named '?(venv|pip)\b",
        "This Python does not fit. Name a complete Python 3.11: make PYTHON=/path/to/python3.11 setup",
    ),
    (
        r"command '\S*(cc|clang)' failed|No such file or directory: '\S*(cc|clang)'|Python\.h",
        f"A C compiler with Python's headers is missing, on Debian: apt-get install gcc python3.11-dev. {AGAIN}",
    ),
    (
        r"Permission denied|Read-only file system|Errno 13|os error 13",
        "Something here may not be written; perhaps an earlier set-up ran as another user. See whose it is: ls -l.\n"
        f"{AGAIN}",
    ),
]


def remedy(said: str) -> str:
    for pattern, advice in REMEDIES:
        if re.search(pattern, said):
            return advice
    return AGAIN.replace("Then run", "When that is cured, run")


def account(code: int, lines: list[str], log: Path) -> str:
    """The end of a failed step for the person before the screen."""
    text = "".join(f"    {line}\n" for line in lines[-20:]) + f"All of it: {log}\n"
    if code == -signal.SIGKILL:
        return f"{text}It was killed, most likely for want of memory: training needs 3 GB free. {AGAIN}"
    return f"{text}(exit code {code}) {remedy(chr(10).join(lines))}"


# What is up to date


class Stamp:
    """What a finished step was made from. Written last and in one go; a step that has begun and not ended says so."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def says(self) -> str:
        try:
            return self._file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def begin(self) -> None:
        self._write(UNFINISHED)

    def finish(self, key: str) -> None:
        self._write(key)

    def _write(self, text: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(text + "\n", "utf-8")
        os.replace(new, self._file)


def key_of(files: Sequence[Path], *facts: str) -> str:
    digest = hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape"))
    for file in files:
        content = file.read_bytes()
        digest.update(f"\0{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def succeeds(*command: str) -> bool:
    try:
        return (
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=False,
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


class Uv:
    """The tool that makes the environments, in an environment of its own: nobody has to have installed it."""

    name, title = "uv", "Fetching the installer (uv)"

    def __init__(self, root: Path, python: str) -> None:
        self.root, self.python = root, python
        self.folder = root / ".cache" / "uv"
        self.command = self.folder / "bin" / "uv"
        self._stamp = Stamp(root / ".cache" / "stamps" / "uv")
        self._key = key_of([], UV_VERSION, str(self.folder))

    def up_to_date(self) -> bool:
        return self._stamp.says() == self._key and succeeds(str(self.command), "--version")

    def make(self, work: Work) -> None:
        commands = self._commands()
        self._stamp.begin()
        remove(self.folder)
        work.do(self.name, self.title, commands, self.root)
        self._stamp.finish(self._key)

    def _commands(self) -> list[list[str]]:
        wanted = f"uv=={UV_VERSION}"
        install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"]
        if _has("ensurepip"):
            made = [self.python, "-I", "-m", "venv", str(self.folder)]
            return [made, [str(self.folder / "bin" / "python"), *install, wanted]]
        if _has("pip"):  # Debian ships venv's half in a package of its own
            return [[self.python, *install, "--target", str(self.folder), wanted]]
        raise Trouble(
            f"{self.python} was installed without venv and pip.\n"
            f"On Debian and Ubuntu: apt-get install python3.11-venv. {AGAIN}"
        )


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class Environment:
    """A virtual environment that uv keeps as its lock file says."""

    def __init__(self, name: str, title: str, project: Path, command: str, uv: Uv) -> None:
        self.name, self.title, self.project, self._uv = name, title, project, uv
        self.folder = project / ".venv"
        self.python = self.folder / "bin" / "python"
        self._command = self.folder / "bin" / command
        self._stamp = Stamp(uv.root / ".cache" / "stamps" / name)

    def key(self) -> str:
        return key_of([self.project / "pyproject.toml", self.project / "uv.lock"], UV_VERSION, str(self.folder))

    def up_to_date(self) -> bool:
        return self._stamp.says() == self.key() and self.starts() and os.access(self._command, os.X_OK)

    def starts(self) -> bool:
        return succeeds(str(self.python), "-I", "-c", f"import sys; sys.exit(sys.version_info[:2] != {PYTHON})")

    def usable(self) -> bool:
        """Whether uv can go on from what lies here. After an interruption a package may be there in part, which uv takes
        for the whole; after a move of the folder the commands name the old place."""
        return self._stamp.says() != UNFINISHED and self._is_at_home() and self.starts()

    def _is_at_home(self) -> bool:
        try:
            script = (self.folder / "bin" / "activate").read_text("utf-8", "surrogateescape")
        except OSError:
            return False
        return f"VIRTUAL_ENV='{str(self.folder).replace(chr(39), _QUOTE)}'" in script

    def _packages_changed(self) -> list[int]:
        """When something was last put among the packages or taken away from them."""
        return [folder.stat().st_mtime_ns for folder in self.folder.glob("lib/python*/site-packages")]

    def make(self, work: Work) -> None:
        key, usable, before, untouched = self.key(), self.usable(), self._stamp.says(), self._packages_changed()
        self._stamp.begin()
        sync = [str(self._uv.command), "sync", "--frozen"]
        if not usable:
            remove(self.folder)
            sync += ["--python", self._uv.python]
        try:
            work.do(self.name, self.title, [sync], self.project)
        except BaseException:
            if usable and self._packages_changed() == untouched:  # it ended while downloading
                self._stamp.finish(before)
            raise
        if not (self.starts() and os.access(self._command, os.X_OK)):
            raise Trouble(f"{self._command} was installed but does not start. Run `make clean`, then this again.")
        self._stamp.finish(key)


_QUOTE = "'\"'\"'"  # how a shell script, and so uv, writes an apostrophe


class Model:
    """The NLU, trained anew when its own fingerprint says that something it is made from has changed."""

    name, title = "model", "Training the NLU"

    def __init__(self, environment: Environment, force: bool = False) -> None:
        self._python, self._project, self._force = environment.python, environment.project, force

    def up_to_date(self) -> bool:
        models = self._project / "models"
        made_from = Stamp(models / "nlu.fingerprint").says()
        return not self._force and (models / "nlu.tar.gz").is_file() and made_from == self._fingerprint()

    def _fingerprint(self) -> str:
        specification = importlib.util.spec_from_file_location("fingerprint", self._project / "fingerprint.py")
        assert specification
        assert specification.loader
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return str(module.fingerprint(self._project))

    def make(self, work: Work) -> None:
        train = [str(self._python), str(self._project / "train.py"), *(["--force"] if self._force else [])]
        work.do(self.name, self.title, [train], self._project)


# The whole


def wrong_python(version: tuple[int, ...], executable: str) -> str | None:
    """What to say if this Python cannot do it, or None."""
    if version[:2] == PYTHON:
        return None
    older = version[:2] < PYTHON
    return (
        f"Python 3.11 is needed; {executable} is {version[0]}.{version[1]}, which is too {'old' if older else 'new'}"
        f"{'' if older else ': Rasa and its TensorFlow have no build for it'}.\n"
        "Install Python 3.11 beside it:\n"
        "    Debian 12                  apt-get install python3.11 python3.11-venv python3.11-dev\n"
        "    Ubuntu                     the same, after: add-apt-repository ppa:deadsnakes/ppa\n"
        "    Fedora                     dnf install python3.11 python3.11-devel\n"
        "    anywhere, without root     pyenv install 3.11\n"
        "It is found by itself if it is called python3.11; otherwise: make PYTHON=/path/to/python3.11 setup"
    )


def children_environment(root: Path) -> dict[str, str]:
    """Ours, proxy and certificates included, without what would lead uv to another Python or another folder."""
    misleading = ("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIR", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in misleading}
    environment.update(UV_PYTHON_DOWNLOADS="never", OMP_NUM_THREADS="1", PYTHONUNBUFFERED="1")
    if "UV_CACHE_DIR" not in environment and not _may_write(Path(os.path.expanduser("~/.cache"))):
        environment["UV_CACHE_DIR"] = str(root / ".cache" / "uv-cache")
    environment.update(_compiler(environment))
    return environment


def _compiler(environment: dict[str, str]) -> dict[str, str]:
    """Rasa's multidict is the one package without a wheel. Python looks for the compiler that it was built with; another
    does as well, and where there is none, or Python's headers are missing, multidict's half without C does."""
    named = environment.get("CC") or str(sysconfig.get_config_var("CC") or "cc")
    found = [name for name in (named.split()[0], "cc", "gcc", "clang") if shutil.which(name)]
    if not found or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return {"MULTIDICT_NO_EXTENSIONS": "1"}
    return {} if found[0] == named.split()[0] else {"CC": found[0]}


def _may_write(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that is there, can be written in."""
    if not folder.is_absolute():  # there is no home
        return False
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


@contextlib.contextmanager
def alone(file: Path, display: Display) -> Iterator[None]:
    """Waits until no other set-up works in this folder. The kernel lets go of the lock when its holder dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as held:
        if not _locked(held):
            held.seek(0)
            display.start(f"Waiting for another set-up in this folder (process {held.read().strip() or 'unknown'})")
            while not _locked(held):
                display.tick()
                time.sleep(0.1)
            display.end("it has ended")
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def set_up(root: Path, parts: Sequence[str], force: bool, display: Display, python: str) -> None:
    uv = Uv(root, python)
    rasa = Environment("rasa", "Installing Rasa (2.1 GB)", root / "nlu" / "rasa", "rasa", uv)
    app = Environment("app", "Installing the application", root, "xiaoshao", uv)
    steps = [step for step in (app, rasa, Model(rasa, force)) if step.name in parts]
    if all(step.up_to_date() for step in steps):
        return
    with alone(root / ".cache" / "setup.lock", display):
        missing: list[Any] = [step for step in steps if not step.up_to_date()]
        if any(isinstance(step, Environment) for step in missing) and not uv.up_to_date():
            missing.insert(0, uv)
        work = Work(root, display, children_environment(root))
        for number, step in enumerate(missing, start=1):
            step.title = f"[{number}/{len(missing)}] {step.title}"
            step.make(work)


def end_orderly(number: int, _: Any) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="app|rasa|model", help="what to set up; everything if not given")
    parser.add_argument("--force", action="store_true", help="train even if nothing has changed")
    given = parser.parse_args()
    if unknown := set(given.parts) - {"app", "rasa", "model"}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if problem := wrong_python(sys.version_info[:2], sys.executable):
        print(problem, file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, end_orderly)
    display = Display(sys.stderr)
    try:
        set_up(ROOT, given.parts or ["app", "rasa", "model"], given.force, display, os.path.realpath(sys.executable))
    except KeyboardInterrupt:
        display.say("Stopped. The same command goes on from here.")
        return 130
    except Trouble as trouble:
        display.say(str(trouble))
        return 1
    except OSError as error:
        display.say(f"{error}\n{remedy(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
