"""What was promised and what was measured, of peers too: the tables of the README, from the results of a run.

Without options, of the last run on this machine.

    python benchmarks/promises.py
    python benchmarks/promises.py --results benchmarks/results --write
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from measuring import HERE, LOCAL_RESULTS

_README: Final = HERE / "README.md"
_BEGIN: Final = "<!-- begin of what promises.py writes -->\n"
_END: Final = "<!-- end of what promises.py writes -->\n"
_BEGIN_PEERS: Final = "<!-- begin of what promises.py writes of peers -->\n"
_END_PEERS: Final = "<!-- end of what promises.py writes of peers -->\n"


@dataclass(frozen=True, slots=True)
class Promise:
    """A limit, and where the figure stands that it limits."""

    promise: str
    benchmark: str
    what: str
    """Of the finding; `{largest}` stands for the largest size measured."""
    field: str
    limit: float
    unit: str
    floor: str | None = None


_START: Final = "start to first answer: at most 150 ms over a bare server of the SDK"
_RECORD: Final = "`record_spans` with one span over stdio: at most 1 ms over the SDK's echo"
_ONE: Final = "one trajectory of 20 spans: p95 at most {limit} ms {where}"
_SEARCH: Final = "`search_delegations` by {how}: p95 at most {limit} ms"
_BY_FILTERS: Final = (
    "the newest", "one agent's failures", "one model in a project, last week", "all that cost much",
)  # fmt: skip
_BY_WORDS: Final = ("a word that occurs once", "a word that is everywhere", "two words of one agent")
_BY_TASK: Final = ("similar tasks", "similar tasks, first of a process")
_MEMORY: Final = "memory of a serving process: at most 100 MB"
_OVER: Final = "median_over_floor_ms"

PROMISES: Final = (
    *(
        Promise(_START, "serving", f"start to answered tools/list, {era}, all cores", _OVER, 150, "ms over")
        for era in ("2025-11-25", "2026-07-28")
    ),
    *(
        Promise(
            _RECORD, "serving", f"record_spans, {size}, 2025-11-25, {cores}, {{largest}} spans", _OVER, 1, "ms over"
        )
        for size, cores in (
            ("one minimal span", "all cores"),
            ("one minimal span", "one core"),
            ("one span of 6 KB", "all cores"),
        )
    ),
    Promise(
        "durable spans/s, batches of 20: at least half of raw `sqlite3`, which compresses too",
        "ingest", "Store.add, batches of 20 spans", "mean_ratio", 2, "times the floor", "sqlite3, rows prepared inside",
    ),
    Promise(
        "redaction: at most 0.1 ms CPU per span",
        "ingest", "redaction of task and output, without a secret", "cpu_over_floor_ms", 0.1, "ms CPU over",
    ),
    *(
        Promise(_ONE.format(limit=2, where="in process"), "trajectory", f"{door}, {{largest}} spans", "p95_ms", 2, "ms")
        for door in ("Store.trajectory", "Reporting.trajectory")
    ),
    Promise(
        _ONE.format(limit=10, where="over stdio"),
        "trajectory", "get_trajectory over stdio, {largest} spans", "p95_ms", 10, "ms", "echo over stdio, same SDK",
    ),
    *(
        Promise(
            _SEARCH.format(how=how, limit=limit), "search_and_stats", f"{door}, {search}, {{largest}} spans", "p95_ms",
            limit, "ms",
        )
        for how, door, limit, searches in (
            ("filters", "Store.find", 50, _BY_FILTERS),
            ("words", "Store.find", 150, _BY_WORDS),
            ("similar task", "Reporting.search", 150, _BY_TASK),
        )
        for search in searches
    ),
    Promise(
        "`get_stats` by agent x model x task type, 30 days: p95 at most 50 ms",
        "search_and_stats", "Reporting.stats, agent x model x task type, 30 days, {largest} spans", "p95_ms", 50, "ms",
    ),
    Promise(
        "`suggest_routing`: p95 at most 25 ms", "suggesting", "Advising.suggest, {largest} spans", "p95_ms", 25, "ms"
    ),
    *(
        Promise(_MEMORY, "serving", f"{what}, {{largest}} spans", "value", 100, "MB")
        for what in (
            "peak memory until then",
            "peak memory with get_stats",
            "peak memory with suggest_routing",
            "peak memory with get_insights",
            "peak memory with everything twice more",
        )
    ),
    Promise("a hook: at most 15 ms of CPU", "hooks", "a file in the spool (shipped)", "cpu_ms", 15, "ms"),
    Promise("a hook: at most 50 ms of waiting, p95", "hooks", "a file in the spool (shipped)", "p95_ms", 50, "ms"),
    Promise("disk: at most 5 kB per span", "ingest", "disk, after a checkpoint", "value", 5_000, "bytes"),
)  # fmt: skip


_MANY: Final = 100  # from here on without a fraction
_PRODUCTS: Final = ("ours beside Phoenix", "Phoenix", "ours beside MLflow", "MLflow")
_WAYS: Final = ("20 a request", "500 a request")
_TRAJECTORY: Final = "one trajectory of 20 spans with all texts"
_SUMS: Final = "sums by agent and model"
_COMPARED: Final = (
    *((f"keeping spans, {way}", "per_s", f"spans/s kept, {way}") for way in _WAYS),
    *((f"keeping spans, {way}", "cpu_ratio", f"CPU for keeping them over ours, {way}") for way in _WAYS),
    (_TRAJECTORY, "median_ms", f"{_TRAJECTORY}, ms"),
    (_TRAJECTORY, "cpu_ratio", "CPU for it over ours"),
    (_SUMS, "median_ms", f"{_SUMS}, ms"),
    ("disk for one span", "value", "disk for one span, bytes"),
)


def table(folder: Path) -> str:
    """The promises as a table in Markdown, from the results in a folder."""
    lines = ["| promise | measured | what | ratio to the floor | holds |", "|---|---|---|---|---|"]
    lines += [_line(promise, _result(folder, promise.benchmark)) for promise in PROMISES]
    return "\n".join(lines) + "\n"


def beside_peers(folder: Path) -> str:
    """What `peers.py` found of each product, as a table in Markdown."""
    findings = {found["what"]: found for found in _result(folder, "peers")["findings"] if "what" in found}
    lines = [f"| | {' | '.join(_PRODUCTS)} |", f"|---|{'---|' * len(_PRODUCTS)}"]
    for what, field, title in _COMPARED:
        values = (findings.get(f"{what}, {product}", {}).get(field) for product in _PRODUCTS)
        shown = ("" if value is None else f"{value:,.0f}" if value >= _MANY else f"{value:.3g}" for value in values)
        lines.append(f"| {title} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _result(folder: Path, benchmark: str) -> dict[str, Any]:
    path = folder / f"{benchmark}.json"
    if not path.exists():
        return {"arguments": {}, "findings": []}
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def _line(promise: Promise, result: dict[str, Any]) -> str:
    sizes = result["arguments"].get("spans", 0)
    largest = max(sizes) if isinstance(sizes, list) else sizes
    what = promise.what.format(largest=f"{largest:,}")
    found = next(
        (
            finding
            for finding in result["findings"]
            if finding.get("what") == what and promise.floor in (None, finding.get("floor"))
        ),
        None,
    )
    if found is None:
        return f"| {promise.promise} | | {what}: not measured | | |"
    value = found[promise.field]
    return (
        f"| {promise.promise} | **{value:,.3g} {promise.unit}** | {what} | {_ratio(found, promise.field)} |"
        f" {'yes' if value <= promise.limit else 'NO'} |"
    )


def _ratio(found: dict[str, Any], field: str) -> str:
    if "floor" not in found:
        return ""
    ratio = found[field] if field.endswith("ratio") else found.get("ratio", found.get("median_ratio"))
    return f"{ratio:.2f} of {found['floor']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=LOCAL_RESULTS, metavar="FOLDER", help="default: local")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    given = parser.parse_args()
    readme = _README.read_text(encoding="utf-8")
    for begin, end, text in (
        (_BEGIN, _END, table(given.results)),
        (_BEGIN_PEERS, _END_PEERS, beside_peers(given.results)),
    ):
        print(text)
        before, _, rest = readme.partition(begin)
        readme = f"{before}{begin}{text}{end}{rest.partition(end)[2]}"
    if given.write:
        _README.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
