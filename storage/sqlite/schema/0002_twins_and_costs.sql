-- Ids under which a delegation was stated before it was known under that of its capture.
create table twin (
    span_id text primary key,
    held_as text not null
) strict;

create index twin_by_held on twin (held_as);

-- What the spans below a span cost. Calls carry the costs of what hangs below them, so that no level is looked through.
create index cost_below on span (session_id, parent_span_id, subtree_cost_usd, span_id)
    where subtree_cost_usd is not null;

with recursive carried (run_id, call_id, session_id, cost_usd) as (
    select span_id, parent_span_id, session_id, subtree_cost_usd from span
    where kind in ('session', 'delegation') and subtree_cost_usd is not null and parent_span_id is not null
    union
    select carried.run_id, call.parent_span_id, call.session_id, carried.cost_usd
    from carried join span as call on call.span_id = carried.call_id and call.session_id = carried.session_id
    where call.kind in ('llm_call', 'tool_call')
)
update span set subtree_cost_usd = below.cost_usd
from (select call_id, session_id, sum(cost_usd) as cost_usd from carried group by call_id, session_id) as below
where span.span_id = below.call_id and span.session_id = below.session_id and span.kind in ('llm_call', 'tool_call');
