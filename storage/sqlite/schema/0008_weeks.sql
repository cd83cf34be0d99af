-- Delegations that are alike in agent type, model and task type are summed up by weeks, too: thirty days are then four
-- weeks and a few days. And how many calls were counted is told apart from how many there were. Made anew when sums
-- are next asked for. Under a new name, so that a server of an earlier version that still runs fails to write instead of
-- keeping half of them true.
drop table rollup;

delete from rollup_cell;

create table rollup_period (
    cell_id integer not null references rollup_cell (id),
    days integer not null check (days in (1, 7)), -- so many in a row
    day integer not null, -- the first of them, in days since 1970, UTC; of a week the Monday
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
    -- Sums of whole numbers are real where strangers' numbers may exceed 64 bits: exact up to 2^53.
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
    tool_calls_n integer not null,  -- how many delegations have a known count
    tool_calls real not null,
    tool_errors_n integer not null,
    tool_errors real not null,
    guessed_n integer not null,     -- how many have a type that is a guess
    durations blob not null, -- `storage.sketch.Sketch` of the known durations in milliseconds
    primary key (cell_id, days, day)
) strict, without rowid;

update rollup_state set built = not exists (select 1 from span where kind = 'delegation');
