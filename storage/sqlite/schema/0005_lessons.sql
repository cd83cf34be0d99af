-- What routing learns from: judged delegations, kept true by whatever changes a span or a reward. Written by
-- `storage/sqlite/lessons.py`, which can also make all of it anew from the spans, but for numbers and epochs.
create table lesson (
    number integer primary key autoincrement, -- in the order of the first judgements, never used twice
    span_id text not null unique,
    agent_type text not null,
    model text,
    agent_version text,
    task_type text,
    complexity text,
    day integer not null, -- of the end, else of the start, in days since 1970, UTC
    reward real not null check (reward between 0 and 1),
    source text not null,
    epoch real not null,  -- of its arm when it was learned from
    tool_call_count integer
) strict;

-- The words of the tasks of the newest lessons, as they are indexed: a contentless index forgets only what it is told.
create table lesson_text (
    number integer primary key references lesson (number),
    length integer not null check (length > 0), -- in words
    words blob not null
) strict;

-- The words come split and in lower case, so that frequencies are asked for in the very words that are compared.
create virtual table lesson_words using fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = "ascii tokenchars '_'"
);
create virtual table lesson_vocabulary using fts5vocab (lesson_words, 'row');
create virtual table span_vocabulary using fts5vocab (span_words, 'row');

-- What lessons of one day that are alike add up to. Rewards in millionths.
create table lesson_sum (
    id integer primary key,
    day integer not null,
    agent_type text not null,
    model text,
    task_type text,
    complexity text,
    epoch real not null,
    verified_n integer not null check (verified_n >= 0),
    verified_reward integer not null check (verified_reward >= 0),
    verified_success_n integer not null check (verified_success_n >= 0),
    model_n integer not null check (model_n >= 0),
    model_reward integer not null check (model_reward >= 0),
    model_success_n integer not null check (model_success_n >= 0),
    behaviour_n integer not null check (behaviour_n >= 0),
    behaviour_reward integer not null check (behaviour_reward >= 0),
    behaviour_success_n integer not null check (behaviour_success_n >= 0),
    structure_n integer not null check (structure_n >= 0),
    structure_reward integer not null check (structure_reward >= 0),
    structure_success_n integer not null check (structure_success_n >= 0)
) strict;

create index lesson_sum_by_key on lesson_sum (agent_type, model, task_type, day, complexity, epoch);

-- What the watch over each arm remembers.
create table lesson_arm (
    id integer primary key,
    agent_type text not null,
    model text,
    agent_version text,
    epoch real not null,
    shortfall real not null,
    since_alarm integer not null check (since_alarm >= 0)
) strict;

create table lesson_state (
    id integer primary key check (id = 1),
    version integer not null,              -- grows with every change of a lesson, and with all that is learned
    learned_through integer not null,      -- a number of a lesson
    text_n integer not null check (text_n >= 0), -- rows of lesson_text, and the sum of their lengths
    text_length integer not null check (text_length >= 0),
    built integer not null check (built in (0, 1)) -- 0: what was judged before this schema waits to be looked through
) strict;

insert into lesson_state (id, version, learned_through, text_n, text_length, built)
select 1, 0, 0, 0, 0, not exists (select 1 from span where kind = 'delegation' and reward is not null);

-- What was suggested, the newest 10,000, and what followed.
create table routing_decision (
    decision_id text primary key,
    session_id text,
    project text,
    at_us integer not null,
    task blob,
    task_type text,
    task_type_origin text,
    complexity text,
    complexity_origin text,
    criticality text,
    uncertainty text,
    prefer text not null,
    decision text not null,
    ground text not null,
    reason text not null,
    agent_type text,
    model text,
    explore integer not null check (explore in (0, 1)),
    offers text not null, -- JSON array of objects, in the order of the ranking
    lessons_n integer not null check (lessons_n >= 0),
    mode text not null,
    span_id text,         -- of the delegation that followed
    followed integer check (followed in (0, 1)),
    check ((span_id is null) = (followed is null))
) strict;

create index routing_decision_by_time on routing_decision (at_us, decision_id);
create index routing_decision_by_session on routing_decision (session_id, at_us) where session_id is not null;
