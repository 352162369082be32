-- Version 2 asks for the latest value of a sensor, and no longer searches notes.
CREATE INDEX ON measurements (sensor, taken DESC) INCLUDE (value);
DROP INDEX by_note;
