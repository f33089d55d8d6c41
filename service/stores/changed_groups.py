"""Parts of the statements that change the groups of an account: $2 are added, $3 removed."""

CHANGED_GROUPS = """ARRAY(
    SELECT one COLLATE "C" FROM unnest(groups || $2::text[]) AS one WHERE one <> ALL ($3::text[]) GROUP BY 1 ORDER BY 1
)"""


def groups_fit(most: str, most_bytes: str) -> str:
    """A condition on CHANGED_GROUPS, with the names of its parameters."""
    changed, before = (f"octet_length(array_to_json({groups})::text)" for groups in (CHANGED_GROUPS, "groups"))
    return f"cardinality({CHANGED_GROUPS}) <= {most} AND {changed} <= greatest({most_bytes}, {before})"
