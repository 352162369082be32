"""The only pipes outside: servers, files, frameworks, clocks."""
