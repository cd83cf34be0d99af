"""A process that writes spans in batches and says on stdout which of them were acknowledged.

`python -m tests.storage.writer ADDRESS NAME BATCHES BATCH_SIZE`: reads one line first, so that many begin at once.
"""

import sys

import anyio

from storage.opening import open_store
from storage.queries import Batch
from tests.factories import a_span


async def write(address: str, name: str, batches: int, batch_size: int) -> None:
    """Batch by batch; a line with its number follows each acknowledgement."""
    store = open_store(address)
    for number in range(batches):
        spans = [
            a_span(span_id=f"{name}-{number}-{place}", session_id=name, cost_usd=1.0, parent_span_id="main", task="x y")
            for place in range(batch_size)
        ]
        await store.add(Batch(spans=spans))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    await store.close()


if __name__ == "__main__":
    sys.stdin.readline()
    anyio.run(write, sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
