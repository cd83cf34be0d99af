"""Tools that say exactly what they take, refuse what they do not know, and fail in words that can be acted on."""

import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mcp_server.service.errors import ServiceError
from storage.errors import StoreError

READS: Final = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
WRITES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_FAULTS_SHOWN: Final = 5
_VALUE_CHARS: Final = 60

Answer = Mapping[str, Any]


class StrictTool(Tool):
    """A tool whose complaints about arguments name the argument, the value, the reason and what is known."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002 - the SDK's signature
        """Run the tool."""
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_explained(self.name, error.__cause__, self.fn_metadata.arg_model)) from error.__cause__
            raise


def strict_tool(
    function: Callable[..., Awaitable[Answer]], *, title: str, annotations: ToolAnnotations, required: Sequence[str]
) -> Tool:
    """A tool from a function that returns a JSON object.

    Args:
        function: its docstring is the description; its parameters are the arguments.
        title: for people.
        annotations: whether it reads or writes.
        required: fields that every answer has; the whole shape stands in docs/tools.md.
    """

    @functools.wraps(function)
    async def answered(**arguments: Any) -> CallToolResult:
        try:
            answer = await function(**arguments)
        except (ServiceError, StoreError) as error:
            raise ToolError(str(error)) from error
        # Clients show a model either the text or the structure: both say everything.
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=dict(answer))

    tool = StrictTool.from_function(answered, name=function.__name__, title=title, annotations=annotations)
    arg_model = _refusing_unknown(tool.fn_metadata.arg_model)
    schema = {"type": "object", "required": list(required)}
    tool.fn_metadata = _Metadata(arg_model=arg_model, output_schema=schema)
    tool.parameters = pruned(arg_model.model_json_schema(by_alias=True))
    tool.description = " ".join(tool.description.split())
    return tool


class _Metadata(FuncMetadata):
    """Parses JSON inside strings only where a list or an object is wanted: a search for `[1]` is a search."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        wanted = {name for name, field in self.arg_model.model_fields.items() if "list[" in str(field.annotation)}
        parsed = super().pre_parse_json({name: value for name, value in data.items() if name in wanted})
        return data | parsed


def _refusing_unknown(model: type[ArgModelBase]) -> type[ArgModelBase]:
    known = sorted(model.model_fields)

    class Arguments(model):  # type: ignore[valid-type, misc]
        model_config = ConfigDict(extra="forbid", title=model.__name__)

        @model_validator(mode="before")
        @classmethod
        def _null_means_left_out(cls, values: Any) -> Any:
            if not isinstance(values, dict):
                return values
            if unknown := sorted(values.keys() - set(known)):
                raise ValueError(f"no argument {', '.join(unknown)}; this tool takes {', '.join(known)}")
            return {name: value for name, value in values.items() if value is not None}

    return Arguments


def pruned(schema: Any) -> Any:
    """A JSON schema without what only costs tokens: titles, `null` as an alternative or a default, no empty strings.

    An empty string is refused all the same.
    """
    if isinstance(schema, list):
        return [pruned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {
        name: _PRUNED_APART.get(name, pruned)(part)
        for name, part in schema.items()
        if name not in {"title", "minLength"} and not (name == "default" and part is None)
    }
    alternatives: list[dict[str, Any]] = [part for part in kept.get("anyOf", ()) if part != {"type": "null"}]
    if "anyOf" in kept and len(alternatives) == 1:
        del kept["anyOf"]
        kept = dict(alternatives[0]) | kept
    return kept


def _pruned_properties(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: pruned(part) for name, part in properties.items()}


def _pruned_definitions(definitions: dict[str, Any]) -> dict[str, Any]:
    # What a class says of itself is for those who read its code.
    return {
        name: {key: value for key, value in part.items() if key != "description"}
        for name, part in _pruned_properties(definitions).items()
    }


_PRUNED_APART: Final[Mapping[str, Callable[[Any], Any]]] = {
    "properties": _pruned_properties,
    "$defs": _pruned_definitions,
}


def _explained(name: str, error: ValidationError, model: type[BaseModel]) -> str:
    faults = error.errors(include_url=False)
    said = [_fault(fault) for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        said.append(f"and {len(faults) - _FAULTS_SHOWN} more")
    required = [field for field, info in model.model_fields.items() if info.is_required()]
    needs = f"; it needs {', '.join(required)}" if required else ""
    return f"{name} refused the call and changed nothing: {'; '.join(said)}{needs}"


def _fault(fault: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).removeprefix(".")
    reason = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{where} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{where} is not a known field"
    if not where:
        return reason
    value = repr(fault["input"])
    shown = value if len(value) <= _VALUE_CHARS else f"{value[:_VALUE_CHARS]}…"
    return f"{where} is {shown}: {reason}"
