#!/bin/sh
# Puts one hook event of Claude Code into the spool, where delegation-telemetry finds it at the next question.
# It must cost the session nothing: two short processes, exit status 0 whatever happens. Given the name of the event
# (SessionStart, UserPromptSubmit or PreToolUse) it then hands on what the server has written for that event, if anything.
{
    umask 077
    data=${XDG_DATA_HOME:-${HOME:+$HOME/.local/share}} # without a home there is none
    config=${XDG_CONFIG_HOME:-${HOME:+$HOME/.config}}
    mac="$HOME/Library/Application Support" # where macOS keeps both
    if [ -n "$HOME" ] && [ -d "$mac" ]; then
        [ -n "$XDG_DATA_HOME" ] || data=$mac
        [ -n "$XDG_CONFIG_HOME" ] || config=$mac
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
    letter=$spool/$$-$n
    { printf 'event 1 %s\n' "$CLAUDE_PID" && cat && printf '\n.\n'; } >"$letter.event" || exit 0

    # Nothing is computed here. The server dates its files ahead, to the moment until which they hold: one that is not
    # newer than the event that was just written is stale. The last test is for shells to which a missing file is old.
    routing=$data/delegation-telemetry/routing
    case $1 in
    SessionStart | UserPromptSubmit) told=$routing/advice ;;
    PreToolUse) told=$routing/models ;;
    *) exit 0 ;;
    esac
    [ -f "$told" ] && [ -O "$told" ] && [ "$told" -nt "$letter.event" ] && [ -e "$letter.event" ] || exit 0

    mode=$DELEGATION_TELEMETRY_ROUTING
    if [ -z "$mode" ]; then
        mode=advise
        if [ -f "$config/delegation-telemetry/config.toml" ]; then
            while read -r line || [ -n "$line" ]; do
                case ${line%%#*} in
                \[*) break ;; # a table: settings stand before it
                routing*=*advise*) mode=advise ;;
                routing*=*auto*) mode=auto ;;
                *routing*=*) mode=off ;;
                esac
            done <"$config/delegation-telemetry/config.toml"
        fi
    fi
    case $mode in
    advise | auto) ;;
    *) exit 0 ;;
    esac

    if [ "$1" = PreToolUse ]; then
        [ $mode = auto ] && [ -z "$CLAUDE_CODE_SUBAGENT_MODEL$CLAUDE_CODE_SUBAGENT_MODEL_FORCE" ] || exit 0
        # Wherever the client may have found the agent's definition.
        set --
        for folder in "$PWD" "$CLAUDE_PROJECT_DIR"; do
            while case $folder in /*) ;; *) false ;; esac; do
                set -- "$@" "$folder/.claude"
                folder=${folder%/*}
            done
        done
        set -- "$@" "${CLAUDE_CONFIG_DIR:-$HOME/.claude}" /etc/claude-code/.claude \
            "/Library/Application Support/ClaudeCode/.claude"
        count=$#
        while [ $count -gt 0 ]; do
            if [ -d "$1/agents" ]; then
                set -- "$@" "$1"/agents/*.md "$1"/agents/*/*.md "$1"/agents/*/*/*.md "$1"/agents/*/*/*/*.md
            fi
            shift
            count=$((count - 1))
        done
        # Its exit status must not become ours: 2 would refuse the delegation.
        LC_ALL=C awk -f "${0%/*}/model.awk" "$letter.event" "$told" "$letter-model.event" "$@" </dev/null
        exit 0
    fi

    # Once for each session and revision. Each session begins with SessionStart, which notes what it has shown.
    case $CLAUDE_PID in
    '' | *[!0-9]*) shown= ;;
    *) shown=$routing/shown/$CLAUDE_PID ;;
    esac
    {
        read -r revision || exit 0
        case $revision in
        'advice 1 '*) ;;
        *) exit 0 ;;
        esac
        if [ "$1" = UserPromptSubmit ]; then
            [ -n "$shown" ] || exit 0
            before=
            [ ! -f "$shown" ] || read -r before <"$shown"
            [ "$revision" != "$before" ] || exit 0
        fi
        read -r text || exit 0
        [ -n "$shown" ] && printf '%s\n' "$revision" >|"$shown" || [ "$1" = SessionStart ] || exit 0
        printf '{"hookSpecificOutput":{"hookEventName":"%s","additionalContext":%s}}\n' "$1" "$text"
    } <"$told"
} 2>/dev/null
exit 0
