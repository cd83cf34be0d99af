"""Run all benchmarks, one after the other, and print what was promised and what was measured.

Without options up to 10,000 spans, in a few minutes; in full up to a million, in an hour and 15 GB.

    python benchmarks/run_all.py
    python benchmarks/run_all.py --full --dir /some/folder --results benchmarks/results
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import promises
from measuring import HERE, LOCAL_RESULTS

_SIZES: Final = ("10000", "100000", "1000000")
_QUICK: Final = {
    "ingest": (),
    "trajectory": ("--keep",),
    "search_and_stats": ("--keep",),
    "suggesting": ("--keep",),
    "serving": (),
    "importing": (),
    "hooks": (),
    "blaming": (),
}
_FULL: Final = {
    "ingest": ("--spans", "100000"),
    "trajectory": ("--spans", *_SIZES, "--calls", "1000", "--keep"),
    "search_and_stats": ("--spans", *_SIZES, "--keep"),
    "suggesting": ("--spans", *_SIZES, "--keep"),
    "serving": ("--spans", _SIZES[0], _SIZES[-1], "--starts", "20", "--calls", "1000", "--keep"),
    "importing": ("--megabytes", "200"),
    "hooks": ("--sessions", "5"),
    "blaming": ("--spans", "4000", *_SIZES[:2]),
}
"""In this order: each leaves the databases to the next."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="up to a million spans")
    parser.add_argument("--results", type=Path, default=LOCAL_RESULTS, metavar="FOLDER", help="default: local")
    parser.add_argument(
        "--dir", type=Path, metavar="FOLDER", help="where databases go, and stay (default: a temporary folder)"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = given.dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, options in (_FULL if given.full else _QUICK).items():
            command = [sys.executable, str(HERE / f"{name}.py"), "--dir", str(folder), "--results", str(given.results)]
            subprocess.run([*command, *options], check=True)
            print(flush=True)
    print(promises.table(given.results), end="")


if __name__ == "__main__":
    main()
