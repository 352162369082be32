CREATE TABLE plans (
    code text PRIMARY KEY,
    cents int NOT NULL,
    sold boolean NOT NULL DEFAULT true
);
CREATE TABLE subscriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan text NOT NULL REFERENCES plans
);

INSERT INTO plans VALUES ('free', 0), ('team', 900);
INSERT INTO subscriptions (plan) SELECT 'team' FROM generate_series(1, 200);
