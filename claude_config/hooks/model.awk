# Gives a delegation the model that the server has found best for its agent: prints the answer to a PreToolUse hook, or
# nothing. An explicit choice holds, and so does everything that is not understood entirely.
#
#     awk -f model.awk EVENT MODELS LETTER [DEFINITION...]
#
# EVENT: the file in the spool. MODELS: `models 1`, then one line `agent alias` each. LETTER: a file in the spool that
# tells what was set. DEFINITION: files of agents; those that are not there are left out.

BEGIN {
    ORS = ""
    if (!parsed(ARGV[1])) exit
    if (value("hook_event_name") != "PreToolUse" || value("tool_name") != "Agent") exit
    if (!closed || ("2 model" in has)) exit
    type = ("2 subagent_type" in has) ? input_value("subagent_type") : "general-purpose"
    if (type !~ /^[A-Za-z0-9_.-]+$/ || type == "fork") exit
    alias = listed(ARGV[2])
    if (alias !~ /^[a-z]+$/) exit
    known = type ~ /^(general-purpose|Explore|Plan|claude)$/
    for (k = 4; k < ARGC; k++) defined(ARGV[k])
    if (!known || chosen) exit
    if (tell(ARGV[3])) answer()
    exit
}

# Reads an event. A quote outside of a string begins one; inside, it ends it unless an odd number of backslashes stands
# before it. So the text is cut at its quotes, and nothing within strings is looked at.
function parsed(file,    line, json, whole, count, i, first) {
    if ((getline line < file) <= 0 || line !~ /^event 1 /) return 0
    while ((getline line < file) > 0) {
        if (whole) return 0
        if (line == ".") whole = 1
        else if (line != "" && json != "") return 0
        else if (line != "") json = line
    }
    close(file)
    if (!whole || length(json) > 262144) return 0
    count = split(json, part, "\"")
    expected = "value"
    for (i = 1; i <= count; i++) {
        if (!structure(i)) return 0
        if (i == count) break
        first = ++i
        while (escaped(part[i])) if (++i > count) return 0
        if (i == count || !string(first, i)) return 0
    }
    return expected == "end"
}

function escaped(text,    at, count) {
    for (at = length(text); at > 0 && substr(text, at, 1) == "\\"; at--) count++
    return count % 2
}

# Takes in what stands between two strings.
function structure(i,    text, at, char) {
    text = part[i]
    for (at = 1; at <= length(text); at++) {
        char = substr(text, at, 1)
        if (char == " " || char == "\t" || char == "\r") continue
        if (char == "{" || char == "[") {
            if (expected !~ /^value/) return 0
            kind[++depth] = char
            if (depth == 2 && char == "{" && kind[1] == "{" && key[1] == "tool_input") { inside = 1; begin = i; begin_at = at }
            expected = char == "{" ? "key or end" : "value or end"
        } else if (char == "}" || char == "]") {
            if (expected != "comma" && expected !~ / or end$/) return 0
            if (kind[depth] != (char == "}" ? "{" : "[")) return 0
            if (inside && depth == 2) { inside = 0; closed = 1; end = i; end_at = at }
            expected = --depth ? "comma" : "end"
        } else if (char == ",") {
            if (expected != "comma") return 0
            expected = kind[depth] == "{" ? "key" : "value"
        } else if (char == ":") {
            if (expected != "colon") return 0
            expected = "value"
        } else {
            if (expected !~ /^value/ || !depth) return 0
            if (!match(substr(text, at), /^(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null)/)) return 0
            at += RLENGTH - 1
            expected = "comma"
        }
    }
    return 1
}

# Takes in a string, from one part to another. Keys that matter must be plain, and stand there once.
function string(first, last,    place) {
    if (expected ~ /^key/) {
        place = depth == 1 ? "1 " : inside && depth == 2 ? "2 " : ""
        if (place) {
            if (first != last || index(part[first], "\\") || ((place part[first]) in has)) return 0
            has[place part[first]]
        }
        key[depth] = part[first]
        expected = "colon"
        return 1
    }
    if (expected !~ /^value/ || !depth) return 0
    if (kind[depth] == "{" && (depth == 1 || (inside && depth == 2))) {
        from[depth " " key[depth]] = first
        to[depth " " key[depth]] = last
    }
    expected = "comma"
    return 1
}

# A string as it stands in the text, between its quotes; nothing where there is none.
function raw(name,    text, i) {
    if (!(name in from)) return ""
    text = part[from[name]]
    for (i = from[name] + 1; i <= to[name]; i++) text = text "\"" part[i]
    return text
}

function plain(text) { return index(text, "\\") ? "" : text }
function value(name) { return plain(raw("1 " name)) }
function input_value(name) { return plain(raw("2 " name)) }

function listed(file,    line, field, found) {
    if ((getline line < file) <= 0 || line != "models 1") return ""
    while ((getline line < file) > 0) {
        if (split(line, field, " ") == 2 && field[1] == type) found = field[2]
    }
    close(file)
    return found
}

# Looks whether a file defines the agent, and whether it chooses a model. What cannot be read for certain chooses one.
function defined(file,    line, name, model, text, lines) {
    if ((getline line < file) > 0 && line ~ /---[ \t\r]*$/) {
        while ((getline line < file) > 0 && line !~ /^---[ \t\r]*$/ && lines++ < 1000) {
            if (line ~ /model["']?[ \t]*:/) model = 1
            if (name == "" && line ~ /^["']?name["']?[ \t]*:/) {
                name = line
                sub(/^[^:]*:[ \t]*/, "", name)
                sub(/([ \t]+#.*)?[ \t\r]*$/, "", name)
                gsub(/["']/, "", name)
                if (name ~ /^[|>&*!]/ || index(name, "\\")) name = ""
            }
            text = text line "\n"
        }
        if (name == type || (name == "" && index(text, type))) {
            known = 1
            if (model) chosen = 1
        }
    }
    close(file)
}

function tell(file) {
    print "event 1 " ENVIRON["CLAUDE_PID"] "\n{\"session_id\":\"" raw("1 session_id") "\",\"transcript_path\":\"" > file
    print raw("1 transcript_path") "\",\"cwd\":\"" raw("1 cwd") "\",\"hook_event_name\":\"ModelSet\",\"tool_use_id\":\"" > file
    print raw("1 tool_use_id") "\",\"agent_type\":\"" type "\",\"model\":\"" alias "\"}\n.\n" > file
    return close(file) == 0
}

function answer(    i, text) {
    print "{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"updatedInput\":{\"model\":\"" alias "\""
    text = begin == end ? substr(part[begin], begin_at + 1, end_at - begin_at - 1) : substr(part[begin], begin_at + 1)
    if (begin == end) {
        print text "}"
    } else {
        print "," text
        for (i = begin + 1; i < end; i++) print "\"" part[i]
        print "\"" substr(part[end], 1, end_at)
    }
    print "}}\n"
}
