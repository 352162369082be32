-- Nobody sends faxes any more.
DROP VIEW fax_numbers;
DROP TABLE faxes;
