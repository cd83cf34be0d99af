"""Settings: read once at the edge, then passed down. Nothing else reads the environment."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

APP_NAME: Final = "delegation-telemetry"
PREFIX: Final = "DELEGATION_TELEMETRY_"
DATABASE_NAME: Final = "telemetry.db"
CONFIG_NAME: Final = "config.toml"
_EDITS: Final = "edits"


class BadSetting(ValueError):
    """A setting that cannot be used; the text names it, where it stands, and what is allowed."""


class Budget(BaseModel):
    """What delegations may cost before a notice is given; nothing is ever blocked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: float = Field(gt=0, le=1e9, allow_inf_nan=False)
    per: Literal["day", "delegation"] = "day"
    """A day in UTC, or one delegation with everything delegated further."""
    agent_type: str | None = Field(default=None, min_length=1, max_length=200)
    """None is for all agents together."""


class Settings(BaseModel):
    """What a user can set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    db: str
    """Address of the database: a path, `sqlite:///relative/path` or `sqlite:////absolute/path`."""
    is_own_db: bool = True
    """Whether it is the user's usual one, not one that was named for this time alone."""
    content: Literal["full", "metadata"] = "full"
    """`metadata` stores no task or output text at all."""
    synchronous: Literal["normal", "full"] = "normal"
    """`full` survives a power cut as well, and waits for the disk at every write."""
    claude_config: Path = Field(default_factory=lambda: Path.home() / ".claude")
    """Where Claude Code keeps its files."""
    routing: Literal["off", "advise", "auto"] = "advise"
    """What hooks do with advice from the user's history: nothing; tell it to the model; also set a model where the
    call, the agent's definition and the client's environment name none."""
    task_types: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The user's own types of task, each with the regular expressions that tell it, in the order of the file."""
    spool: Path
    """Where hooks leave what they were told."""
    spool_of_last_resort: Path
    """Where they leave it if they may not write there."""
    budgets: tuple[Budget, ...] = Field(default=(), max_length=100)
    """What was planned; `get_insights` tells where more was spent."""
    session_id: str | None = None
    """The client's session that started this process, where it says so."""
    project: str | None = None
    """The project that this process was started for."""

    @property
    def default_db(self) -> str:
        """Where the database is if nothing else is set."""
        return str(_data_folder() / DATABASE_NAME)

    @property
    def routing_folder(self) -> Path:
        """Where hooks find advice."""
        return _data_folder() / _ROUTING

    @property
    def edits(self) -> Path:
        """Where is remembered what we have changed in files of the user, so that it can be undone."""
        return _data_folder() / _EDITS

    @property
    def spools(self) -> tuple[Path, Path]:
        """Every folder in which hooks may have left something."""
        return (self.spool, self.spool_of_last_resort)


_KEYS: Final = ("db", "content", "synchronous", "claude_config", "routing")
_TASK_TYPES: Final = "task_types"
_BUDGETS: Final = "budgets"
_FILE_KEYS: Final = (*_KEYS, _TASK_TYPES, _BUDGETS)
_TYPE_CHARS: Final = 40
_BUDGET_EXAMPLE: Final = (
    '[[budgets]] with usd = 5.0, per = "day" or "delegation", and agent_type = "Explore" or without it'
)
_SPOOL: Final = "spool"
_ROUTING: Final = "routing"


def load(flags: Mapping[str, Any]) -> Settings:
    """Settings from flags, then the environment, then the user's file, then defaults.

    Args:
        flags: by name; those that are None were not given.

    Raises:
        BadSetting: a value is not allowed, or the file cannot be read.
    """
    environment = os.environ
    found: dict[str, Any] = {}
    if environment.get("CLAUDE_CONFIG_DIR"):
        found["claude_config"] = Path(environment["CLAUDE_CONFIG_DIR"]).expanduser()
    found |= _from_file(config_file())
    found |= {key: value for key in _KEYS if (value := environment.get(PREFIX + key.upper()))}
    found |= {key: value for key, value in flags.items() if value is not None}
    if "db" not in found:
        found["db"] = str(_data_folder() / DATABASE_NAME)
    found["is_own_db"] = flags.get("db") is None
    # The hooks' script finds these folders, and the setting `routing`, by the same rules.
    found["spool"] = environment.get(PREFIX + _SPOOL.upper()) or str(_data_folder() / _SPOOL)
    temporary, user = environment.get("TMPDIR") or "/tmp", environment.get("USER") or "nobody"  # noqa: S108 - as above
    found["spool_of_last_resort"] = f"{temporary}/{APP_NAME}-{_SPOOL}-{user}"
    found["session_id"] = environment.get("CLAUDE_CODE_SESSION_ID") or None
    found["project"] = environment.get("CLAUDE_PROJECT_DIR") or None
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        if fault["loc"][0] == _BUDGETS:
            raise BadSetting(
                f"setting {name!r} in {config_file()} is {fault['input']!r}: {fault['msg']}; a budget is written as"
                f" {_BUDGET_EXAMPLE}"
            ) from error
        raise BadSetting(
            f"setting {name!r} is {fault['input']!r}: {fault['msg']}; it comes from a flag, from {PREFIX}{name.upper()}"
            f" or from {config_file()}"
        ) from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from error
    if unknown := sorted(found.keys() - set(_FILE_KEYS)):
        raise BadSetting(f"{path} sets {', '.join(unknown)}; known settings are {', '.join(_FILE_KEYS)}")
    if _TASK_TYPES in found:
        found[_TASK_TYPES] = _task_types(found[_TASK_TYPES], path)
    return found


def _task_types(table: Any, path: Path) -> dict[str, tuple[str, ...]]:
    """Each type with its patterns; one may stand there without a list."""
    example = 'a table such as [task_types] with lines like release = "changelog|version bump"'
    if not isinstance(table, dict):
        raise BadSetting(f"setting 'task_types' is {table!r}; it must be {example}; it comes from {path}")
    found: dict[str, tuple[str, ...]] = {}
    for task_type, given in table.items():
        patterns = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else ()
        if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
            raise BadSetting(
                f"setting 'task_types.{task_type}' is {given!r}; it must be a regular expression or a list of them,"
                f" in {example}; it comes from {path}"
            )
        if not task_type or len(task_type) > _TYPE_CHARS or task_type != " ".join(task_type.lower().split()):
            raise BadSetting(
                f"setting 'task_types' names a type {task_type[:80]!r}; a type is written in lower case, with single"
                f" spaces, in at most {_TYPE_CHARS} characters; it comes from {path}"
            )
        found[task_type] = patterns
    return found


def _data_folder() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - only where no address is given

    return user_data_path(APP_NAME, appauthor=False)


def config_file() -> Path:
    """Where the user's settings may stand."""
    from platformdirs import user_config_path  # noqa: PLC0415 - as above

    return user_config_path(APP_NAME, appauthor=False) / CONFIG_NAME
