-- They are customers now.
ALTER TABLE clients RENAME TO customers;
