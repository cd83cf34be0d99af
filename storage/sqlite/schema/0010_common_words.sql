-- How many texts hold a word that is common among them, since counting walks through all of these. Remembered by whoever
-- counted, and counted again when one text in fifty is another; losing it costs time only.
create table common_word (
    texts text not null check (texts in ('delegation', 'lesson')),
    word text not null,
    n integer not null check (n > 0),
    total integer not null,  -- texts that there were then,
    newest integer not null, -- and the highest of their numbers
    primary key (texts, word)
) strict, without rowid;

-- Another one after every removal, and in every database: what was counted in one generation does not hold in the next.
create table common_word_generation (
    id integer primary key check (id = 1),
    number integer not null -- drawn by lot
) strict;

insert into common_word_generation (id, number) values (1, random());
