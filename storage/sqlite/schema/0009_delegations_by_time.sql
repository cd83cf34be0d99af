-- Newest first, with all that delegations are searched by: a search that names no agent reads only those of its time, and
-- it need not sort them.
drop index delegation_by_start;

create index delegation_by_time on span (
    started_us desc, id desc, agent_type, model, outcome, status, project, coalesce(task_type, guessed_type), cost_usd
) where kind = 'delegation';
