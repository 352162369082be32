-- Every account gets a public handle that nobody can guess, and a state.
ALTER TABLE accounts
    ADD COLUMN handle uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed'));
