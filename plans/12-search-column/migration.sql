-- Articles are found by their words. A stored generated column would write the whole table anew.
-- migrate-safe: undo ALTER TABLE articles DROP COLUMN words;
ALTER TABLE articles ADD COLUMN words tsvector;

CREATE FUNCTION articles_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.words := to_tsvector('english', NEW.title || ' ' || NEW.body);
    RETURN NEW;
END $$;
CREATE TRIGGER articles_words BEFORE INSERT OR UPDATE ON articles FOR EACH ROW EXECUTE FUNCTION articles_words();

-- migrate-safe: phase migrate
-- migrate-safe: undo nothing
UPDATE articles SET title = title WHERE words IS NULL;

CREATE INDEX articles_by_words ON articles USING gin (words) WITH (fastupdate = off);
