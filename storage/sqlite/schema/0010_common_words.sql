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
