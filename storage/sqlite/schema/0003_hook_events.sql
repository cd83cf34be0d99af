-- What a client's hooks told about sessions, as it came. From these and the transcripts spans are made.
create table hook_event (
    event_id text primary key,
    session_id text not null,
    at_us integer not null,
    name text not null,
    process_id integer,
    body blob not null
) strict;

create index hook_event_by_session on hook_event (session_id, at_us);
create index hook_event_by_time on hook_event (at_us);
create index hook_event_by_process on hook_event (process_id, at_us) where process_id is not null;

-- What is to be looked at again before anything is asked.
alter table read_position add column is_open integer not null default 0 check (is_open in (0, 1));

create index read_position_open on read_position (source) where is_open;
