# SPDX-License-Identifier: BSD-3-Clause
"""Loads pages in a browser, for tests. Without a network."""

import shutil
import subprocess
import tempfile
from pathlib import Path

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
MISSING = "" if shutil.which("chromium") else "no chromium: run scripts/test, or scripts/setup"
LIMIT = 120.0


def dom(page: str, *options: str) -> str:
    """The document after the browser has loaded the page."""
    with tempfile.TemporaryDirectory(prefix="bell") as folder:
        path = Path(folder, "page.html")
        path.write_text(page)
        shown = subprocess.run(
            ["chromium", *QUIET, f"--user-data-dir={folder}/profile", *options, "--dump-dom",
             path.as_uri()],
            capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, check=True)
    return shown.stdout
