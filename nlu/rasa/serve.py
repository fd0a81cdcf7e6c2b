"""Starts `rasa run` so that it cannot outlive whoever started it, shows no token to `ps` and writes no message text.

Called as `serve.py PARENT_PID MODEL PORT`; the token comes in the environment as XIAOSHAO_RASA_TOKEN.
"""

import ctypes
import os
import signal
import sys
import warnings
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """A supervisor that is killed with SIGKILL cannot clean up: the kernel does it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit("the process that started Rasa has gone")


def main() -> None:
    parent, model, port = sys.argv[1:]
    die_with(int(parent))
    if not Path(model).is_file():  # Rasa would silently load the newest model of the folder
        sys.exit(f"there is no model {model}: run `make train`")
    os.environ.setdefault("LOG_LEVEL", "WARNING")  # Rasa's debug lines carry the text of messages
    os.environ.setdefault("LOG_LEVEL_LIBRARIES", "ERROR")
    os.chdir(Path(__file__).parent)
    sys.path.insert(0, os.getcwd())  # where `components` is
    token = os.environ.pop("XIAOSHAO_RASA_TOKEN")
    sys.argv = ["rasa", "run", "--enable-api", "--quiet", "-i", "127.0.0.1", "-p", port, "-m", model, "-t", token]

    warnings.simplefilter("ignore")  # of libraries years old; the log is for what an operator can act on
    from rasa.__main__ import main as rasa

    rasa()


if __name__ == "__main__":
    main()
