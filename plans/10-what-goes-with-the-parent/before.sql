CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    archived boolean NOT NULL DEFAULT false
);

CREATE TABLE comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post bigint NOT NULL CONSTRAINT comments_post_fkey REFERENCES posts ON DELETE CASCADE,
    answers bigint CONSTRAINT comments_answers_fkey REFERENCES comments,
    body text NOT NULL
);
CREATE INDEX ON comments (post);

INSERT INTO posts (title) SELECT 'post ' || g FROM generate_series(1, 100) g;
INSERT INTO comments (post, body) SELECT 1 + g % 100, 'comment ' || g FROM generate_series(1, 1000) g;
