"""Trajectories as requests of the OpenTelemetry protocol, for products that take nothing else.

Started by `peers.py` with the interpreter of such a product, which has the package `opentelemetry-proto`: JSON lines of
one trajectory each on stdin, requests on stdout, each after its length in four bytes.
"""

import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_ROOM = 2**31


def main() -> None:
    for line in sys.stdin:
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="benchmark")))
        scope = resource.scope_spans.add()
        for row in json.loads(line):
            span = scope.spans.add(
                trace_id=bytes.fromhex(row["session_id"].replace("-", "")),
                span_id=bytes.fromhex(row["span_id"]),
                parent_span_id=bytes.fromhex(row["parent_span_id"] or ""),
                name=row["name"] or row["agent_type"],
                start_time_unix_nano=row["started_us"] * 1000,
                end_time_unix_nano=row["ended_us"] * 1000,
            )
            span.status.code = 2 if row["status"] == "error" else 1
            span.attributes.extend(
                KeyValue(key=name, value=_value(value))
                for name, value in row.items()
                if value is not None and not name.endswith("_us")
            )
        raw = request.SerializeToString()
        assert len(raw) < _ROOM
        sys.stdout.buffer.write(len(raw).to_bytes(4, "big") + raw)


def _value(value: object) -> AnyValue:
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=value if isinstance(value, str) else json.dumps(value))


if __name__ == "__main__":
    main()
