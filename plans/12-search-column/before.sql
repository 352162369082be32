CREATE TABLE articles (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL DEFAULT ''
);

INSERT INTO articles (title, body) SELECT 'article ' || g, 'the quick brown fox jumps ' || g FROM generate_series(1, 300) g;
