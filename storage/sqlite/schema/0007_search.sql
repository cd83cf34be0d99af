-- All that delegations are searched by, so that neither counting nor choosing them reads their wide rows.
drop index delegation_by_arm;

create index delegation_by_filter on span (
    agent_type, model, started_us desc, outcome, status, project, coalesce(task_type, guessed_type), cost_usd
) where kind = 'delegation';
