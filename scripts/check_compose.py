"""Has docker-compose read docker-compose.yml, with .env.example as the .env it asks for.

There need be no Docker engine: `config` only reads. That the same processes work together on real
PostgreSQL and Redis is shown by the whole-house tests.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.processes import ROOT

FILES = ("docker-compose.yml", "Dockerfile")
ALWAYS = {"web", "worker", "live", "beat", "migrate", "db", "redis"}


def main() -> int:
    compose = find_compose()
    with tempfile.TemporaryDirectory(prefix="cabinet-compose-") as name:
        folder = Path(name)
        for file in FILES:
            shutil.copy(ROOT / file, folder / file)
        shutil.copy(ROOT / ".env.example", folder / ".env")
        plain = set(read(compose, folder, "config", "--services").split())
        read(compose, folder, "config", "--quiet")
        whole = set(read(compose, folder, "--profile", "sandbox", "config", "--services").split())
    # Version 1 lists the services of every profile, version 2 those that would start.
    wrong = ALWAYS - plain or (ALWAYS | {"sandbox"}) ^ whole
    if wrong:
        print(f"docker-compose.yml lacks or has too much of: {', '.join(sorted(wrong))}", file=sys.stderr)
        return 1
    print(f"docker-compose.yml is read as meant: {', '.join(sorted(whole))}.")
    return 0


def find_compose() -> list[str]:
    """The old program of its own, or the newer plugin of docker."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    plugin = ["docker", "compose"]
    if shutil.which("docker") and subprocess.call([*plugin, "version"], stdout=subprocess.DEVNULL) == 0:
        return plugin
    sys.exit("docker-compose is not installed; on Debian or Ubuntu: apt install docker-compose")


def read(compose: list[str], folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*compose, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(compose)} {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
