"""Learned routing rules, and the changes to files of the user that would say them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mcp_server.analysis.routing.decisions import Known
from mcp_server.analysis.routing.rules import learned_rules
from mcp_server.analysis.routing.utility import Preference
from mcp_server.service import frontmatter
from mcp_server.service.errors import BadArgument
from mcp_server.service.frontmatter import INHERIT, OddDefinition
from mcp_server.service.managed_block import DamagedBlock, OtherEncoding, block, with_block, without_block
from mcp_server.service.model_aliases import recent_aliases
from mcp_server.service.present import Feed
from mcp_server.service.rule_texts import Learned
from mcp_server.service.user_files import Edit, UnusableFile, UserFiles
from storage.store import Store

_LONG_CONTEXT: Final = re.compile(r"\[\w+\]$")


def _now() -> datetime:
    return datetime.now(UTC)


class Ruling:
    """Makes rules of what is known, and proposes edits; nothing is written before `UserFiles.write`."""

    def __init__(
        self,
        store: Store,
        files: UserFiles,
        known: Callable[[], Awaitable[Known]],
        *,
        feed: Feed | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Make rules of what is known.

        Args:
            store: tells the short names of models.
            files: reads what is there.
            known: all that is known, for no task in particular.
            feed: brings the store up to date before anything is read.
            clock: the present time.
        """
        self._store = store
        self._files = files
        self._feed = feed
        self._known = known
        self._clock = clock

    async def learned(self, prefer: str = Preference.BALANCED) -> Learned:
        """The rules that the history supports now."""
        if self._feed is not None:
            await self._feed.fresh()
        known = await self._known()
        alias_of = await recent_aliases(self._store, self._clock())
        return Learned(learned_rules(known, known.history.by_arm, Preference(prefer)), known.history, alias_of)

    def for_file(self, path: Path, learned: Learned) -> Edit | None:
        """The change that puts the rules into a file, or takes them out where none are left; None without a change.

        Raises:
            UnusableFile: the file cannot be used, or its block is damaged.
        """
        before = self._files.read(path)
        content = before or b""
        lines = learned.lines()
        try:
            after = with_block(content, lines) if lines else without_block(content)
        except (DamagedBlock, OtherEncoding) as error:
            raise UnusableFile(path, str(error)) from error
        notes = self._link(path)
        if not lines and after != content:
            notes.append(f"{path}: nothing is learned any longer: the block goes")
        return None if after == content else Edit(path=path, before=before, after=after, notes=notes)

    def for_agents(self, folder: Path, learned: Learned) -> tuple[list[Edit], list[str]]:
        """Changes of the model in the definitions of agents, and what was left alone and why.

        Raises:
            BadArgument: there is no such folder.
        """
        if not folder.is_dir():
            raise BadArgument("agents", folder, "name the folder of the definitions, such as .claude/agents")
        edits: list[Edit] = []
        left: list[str] = []
        seen: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.md")):
            try:
                edit = self._for_agent(path, folder, learned, seen)
            except (OddDefinition, UnusableFile, OSError) as error:
                left.append(str(error) if isinstance(error, UnusableFile) else f"{path}: {error}")
                continue
            edits += [edit] if edit else []
        return edits, left

    def undone(self, path: Path) -> Edit:
        """The change that takes back what we wrote last into a file.

        Where nobody has touched it since, that is every byte as it was before; else our block goes, or the model that
        was there comes back, and the rest stays as it is.

        Raises:
            UnusableFile: nothing of ours is in it, or it cannot be used.
        """
        content = self._files.read(path)
        if content is None:
            raise UnusableFile(path, "there is no such file")
        last = self._files.last_write(path, content)
        if last is not None:
            earlier = self._files.last_write(path, last.before) if last.before is not None else None
            more = [f"{path}: this brings back what we wrote before; undo again to take that back as well"]
            return Edit(
                path=path, before=content, after=last.before, notes=[*self._link(path), *(more if earlier else [])]
            )
        notes = [*self._link(path), f"{path}: it was changed since, or elsewhere: only what is ours is taken back"]
        try:
            if block(content) is not None:
                return Edit(path=path, before=content, after=without_block(content), notes=notes)
            after = self._former_model(path, content)
        except DamagedBlock as error:
            raise UnusableFile(path, str(error)) from error
        if after is None:
            raise UnusableFile(path, "nothing in it was written by `rules`")
        return Edit(path=path, before=content, after=after, notes=notes)

    def undone_below(self, folder: Path) -> list[Edit]:
        """The same for every definition in a folder in which we wrote something."""
        found: list[Edit] = []
        for path in sorted(folder.rglob("*.md")):
            try:
                found.append(self.undone(path))
            except UnusableFile:
                continue
        return found

    def _for_agent(self, path: Path, folder: Path, learned: Learned, seen: dict[str, Path]) -> Edit | None:
        if not self._files.target(path).is_relative_to(folder.resolve()):
            raise UnusableFile(path, "it is a link out of the folder; name the folder that it leads to")
        content = self._files.read(path) or b""
        if not content.lstrip(b"\xef\xbb\xbf").startswith(b"---"):
            return None  # a page that is no definition
        found = frontmatter.definition(content)
        name = found.name or path.stem
        rule = learned.of_agent(name)
        if rule is None or _is_same(found.model, rule.model, learned.alias_of):
            return None
        if name in seen:
            raise UnusableFile(path, f"{seen[name]} defines the agent {name} as well")
        seen[name] = path
        model = learned.alias_of.get(rule.model, rule.model)
        was = (
            f"instead of the {found.model} that somebody chose" if found.model not in {None, INHERIT} else "none so far"
        )
        return Edit(
            path=path,
            before=content,
            after=frontmatter.with_model(content, model),
            models=(found.model, model),
            notes=[*self._link(path), f"{path}: {was}: {learned.model_line(rule)}"],
        )

    def _former_model(self, path: Path, content: bytes) -> bytes | None:
        """The definition with the model before ours, if it still names ours."""
        try:
            model = frontmatter.definition(content).model
            ours = [one.models for one in self._files.writes(path) if one.models and one.models[1] == model]
            if not ours:
                return None
            former = ours[-1][0]
            return frontmatter.without_model(content) if former is None else frontmatter.with_model(content, former)
        except OddDefinition:
            return None

    def _link(self, path: Path) -> list[str]:
        return [f"{path}: a link; the file that changes is {self._files.target(path)}"] if path.is_symlink() else []


def _is_same(named: str | None, model: str, alias_of: Mapping[str, str]) -> bool:
    """Whether a definition says this model already, in full or by an alias; one that is not known names a family."""
    if named is None:
        return False
    plain, wanted = _LONG_CONTEXT.sub("", named), _LONG_CONTEXT.sub("", model)
    meant = [_LONG_CONTEXT.sub("", full) for full, alias in alias_of.items() if alias == plain]
    return wanted in meant if meant else plain == wanted or plain in wanted.split("-")
