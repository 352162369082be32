-- A post with comments is archived, never deleted; a thread may be imported in any order.
ALTER TABLE comments DROP CONSTRAINT comments_post_fkey,
    ADD CONSTRAINT comments_post_fkey FOREIGN KEY (post) REFERENCES posts ON DELETE RESTRICT;

ALTER TABLE comments ALTER CONSTRAINT comments_answers_fkey DEFERRABLE;
