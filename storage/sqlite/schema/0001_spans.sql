-- Spans, what statistics scan: narrow. Texts lie apart, compressed.
create table span (
    id integer primary key,
    span_id text not null unique,
    session_id text not null,
    parent_span_id text,
    kind text not null check (kind in ('session', 'delegation', 'llm_call', 'tool_call')),
    name text,
    agent_type text not null,
    agent_id text,
    tool_use_id text,
    agent_version text,
    model text,
    effort text,
    client text,
    project text,
    branch text,
    task_type text,
    complexity text check (complexity in ('low', 'medium', 'high')),
    criticality text check (criticality in ('low', 'medium', 'high')),
    uncertainty text check (uncertainty in ('low', 'medium', 'high')),
    status text not null check (status in ('running', 'ok', 'error', 'cancelled', 'lost')),
    outcome text not null check (outcome in ('success', 'partial', 'failure', 'unknown')),
    reward real check (reward between 0 and 1),
    reward_source text,
    started_us integer not null, -- microseconds since 1970, UTC, as every column that ends in _us
    ended_us integer check (ended_us >= started_us),
    duration_ms integer check (duration_ms >= 0),
    tool_call_count integer check (tool_call_count >= 0),
    tool_error_count integer check (tool_error_count >= 0),
    input_tokens integer check (input_tokens >= 0),
    output_tokens integer check (output_tokens >= 0),
    cache_read_tokens integer check (cache_read_tokens >= 0),
    cache_write_5m_tokens integer check (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens integer check (cache_write_1h_tokens >= 0),
    cost_usd real check (cost_usd >= 0),
    subtree_cost_usd real check (subtree_cost_usd >= 0),
    source text not null check (source in ('stated', 'hook', 'captured')),
    observed_us integer not null,
    stamps text, -- JSON: facts that are older than the rest of the row; null for nearly all rows
    check (reward_source is null or reward is not null)
) strict;

create index span_by_session on span (session_id, started_us);
create index delegation_by_start on span (started_us desc, id desc) where kind = 'delegation';
create index delegation_by_arm on span (agent_type, model, started_us) where kind = 'delegation';
create index span_by_agent on span (agent_id) where agent_id is not null and kind = 'delegation';
create index span_by_tool_use on span (tool_use_id) where tool_use_id is not null;

create table span_text (
    id integer primary key references span (id) on delete cascade,
    task blob,   -- zlib, level 1, of UTF-8, as every blob here
    output blob,
    error text,
    tool_sequence text, -- JSON array of tool names
    attributes text     -- JSON object
) strict;

-- Words of delegations only. Contentless: the texts themselves are in span_text. Without positions, since words are
-- asked for and not phrases: a tenth of the size.
create virtual table span_words using fts5 (task, output, content = '', detail = none);

create table reward (
    reward_id text primary key,
    span_id text,
    session_id text,
    name text not null,
    value real not null check (value between 0 and 1),
    source text not null,
    reason text,
    given_us integer not null,
    check ((span_id is null) <> (session_id is null))
) strict;

create index reward_by_span on reward (span_id) where span_id is not null;
create index reward_by_session on reward (session_id) where session_id is not null;

create table session (
    session_id text primary key,
    started_us integer not null,
    last_activity_us integer not null
) strict;

create index session_by_activity on session (last_activity_us desc, session_id);

-- How far growing files have been read, and what their reader must remember.
create table read_position (
    source text primary key,
    identity text not null,
    read_offset integer not null check (read_offset >= 0),
    state blob not null
) strict;
