-- By time, with all that delegations are searched by: a search that names no agent reads only those of its time, newest
-- first, and it need not sort them. Ascending, since SQLite fills its pages only where rows are added at the end.
drop index delegation_by_start;

create index delegation_by_time on span (
    started_us, id, agent_type, model, outcome, status, project, coalesce(task_type, guessed_type), cost_usd
) where kind = 'delegation';
