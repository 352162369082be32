-- do not convert
INSERT INTO tickets (state, subject) VALUES ('waiting', 'still waiting');
