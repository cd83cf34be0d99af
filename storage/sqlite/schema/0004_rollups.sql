-- What the delegations of one day that are alike add up to, kept true by whatever changes a span. Written by
-- `storage/sqlite/rollups.py`, which can also make all of it anew from the spans.
create table rollup_cell (
    id integer primary key,
    -- 0: alike in agent type, model and task type, whatever the rest; 1: alike in everything
    level integer not null check (level in (0, 1)),
    agent_type text not null,
    model text,
    task_type text,
    project text,
    complexity text,
    agent_version text
) strict;

create index rollup_cell_by_key on rollup_cell (agent_type, model, task_type, level, project, agent_version, complexity);

-- Sums of whole numbers are real where strangers' numbers may exceed 64 bits: exact up to 2^53.
create table rollup (
    cell_id integer not null references rollup_cell (id),
    day integer not null, -- of the start, in days since 1970, UTC
    n integer not null check (n > 0),
    status_running integer not null,
    status_ok integer not null,
    status_error integer not null,
    status_cancelled integer not null,
    status_lost integer not null,
    outcome_success integer not null,
    outcome_partial integer not null,
    outcome_failure integer not null,
    outcome_unknown integer not null,
    verified_n integer not null,
    verified_success_n integer not null,
    verified_reward integer not null,         -- rewards in millionths, as every column that ends in _reward
    verified_reward_squared integer not null, -- squares in millionths too
    model_n integer not null,
    model_reward integer not null,
    model_reward_squared integer not null,
    behaviour_n integer not null,
    behaviour_reward integer not null,
    behaviour_reward_squared integer not null,
    structure_n integer not null,
    structure_reward integer not null,
    structure_reward_squared integer not null,
    cost_n integer not null,
    cost_nano_usd real not null,
    input_n integer not null,
    input_tokens real not null,
    output_n integer not null,
    output_tokens real not null,
    cache_read_n integer not null,
    cache_read_tokens real not null,
    cache_write_5m_n integer not null,
    cache_write_5m_tokens real not null,
    cache_write_1h_n integer not null,
    cache_write_1h_tokens real not null,
    tool_calls real not null,
    tool_errors real not null,
    durations blob not null, -- `storage.sketch.Sketch` of the known durations in milliseconds
    primary key (cell_id, day)
) strict, without rowid;

-- Whether the roll-ups are true. A database that held spans before has to be summed up once.
create table rollup_state (
    id integer primary key check (id = 1),
    built integer not null check (built in (0, 1))
) strict;

insert into rollup_state (id, built) select 1, not exists (select 1 from span where kind = 'delegation');
