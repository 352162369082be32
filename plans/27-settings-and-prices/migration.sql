-- Sell a plan more, ask more for another, and sell one no longer.
-- migrate-safe: undo DELETE FROM plans WHERE code = 'pro';
INSERT INTO plans (code, cents) VALUES ('pro', 2900);

-- migrate-safe: phase contract
-- migrate-safe: undo UPDATE plans SET cents = 900
-- migrate-safe: undo WHERE code = 'team';
UPDATE plans SET cents = 1200 WHERE code = 'team';

-- migrate-safe: phase contract
-- migrate-safe: undo UPDATE plans SET sold = true WHERE code = 'free';
UPDATE plans SET sold = false WHERE code = 'free';

-- migrate-safe: phase purge
DELETE FROM plans WHERE code = 'free' AND NOT EXISTS (SELECT FROM subscriptions WHERE plan = 'free');
