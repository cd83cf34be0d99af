#!/bin/sh
# Puts one hook event of Claude Code into the spool, where delegation-telemetry finds it at the next question.
# It must cost the session nothing: two short processes, no output, exit status 0 whatever happens.
{
    umask 077
    data=${XDG_DATA_HOME:-${HOME:+$HOME/.local/share}} # without a home there is none
    if [ -z "$XDG_DATA_HOME" ] && [ -n "$HOME" ] && [ -d "$HOME/Library/Application Support" ]; then
        data="$HOME/Library/Application Support" # where macOS keeps it
    fi
    spool=${DELEGATION_TELEMETRY_SPOOL:-${data:+$data/delegation-telemetry/spool}}
    if [ ! -w "$spool" ]; then
        mkdir -p "$spool" || spool=
        # No home, or one that may not be written: a folder of our own among the temporary ones, and nobody else's.
        if [ ! -w "$spool" ]; then
            spool=${TMPDIR:-/tmp}/delegation-telemetry-spool-${USER:-nobody}
            [ -d "$spool" ] || mkdir "$spool"
            [ -O "$spool" ] || exit 0
        fi
    fi
    # The name is new or the write fails; the last line tells that the event is whole.
    set -C
    n=0
    while [ -e "$spool/$$-$n.event" ] && [ $n -lt 1000 ]; do
        n=$((n + 1))
    done
    { printf 'event 1 %s\n' "$CLAUDE_PID" && cat && printf '\n.\n'; } >"$spool/$$-$n.event"
} 2>/dev/null
exit 0
