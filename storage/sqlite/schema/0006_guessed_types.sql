-- What rules made of a task of which nobody stated the type, and which rules. `task_type` stays what was stated.
alter table span add column guessed_type text;
alter table span add column guessed_by text check ((guessed_by is null) = (guessed_type is null));

-- How many of the delegations summed up have a type that is a guess.
alter table rollup add column guessed_n integer not null default 0;
