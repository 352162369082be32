-- Billing gets a house of its own.
CREATE SCHEMA billing;
ALTER TABLE invoices SET SCHEMA billing;
ALTER VIEW open_invoices SET SCHEMA billing;
