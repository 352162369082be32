"""Relations that extensions bring along: those are not read, so that one of an unknown name may be theirs."""

from __future__ import annotations

from migrate_safe.model.schema import Schema

WITHOUT_RELATIONS = frozenset(
    """
    adminpack amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
    fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
    pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks
    pgstattuple plperl plperlu plpgsql plpython3u pltcl pltclu postgres_fdw refint seg sslinfo tablefunc tcn
    tsm_system_rows tsm_system_time unaccent uuid-ossp vector xml2
    """.split()
)
"""Extensions that bring no tables or sequences, and no views but such as belong to the server (`pg_...`)."""


def shows_relations(schema: Schema) -> bool:
    """Say whether a relation that is not in the schema certainly does not exist."""
    return schema.complete and all(k != "extension" or n.name in WITHOUT_RELATIONS for k, n in schema.things)
