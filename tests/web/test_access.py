import pytest

from app.web.access import RIGHTS, ROLES, manageable_roles, org_right, role_has, roles_with


def test_a_role_holds_what_lower_roles_hold():
    for right, lowest in RIGHTS.items():
        holders = [role for role in ROLES if role_has(role, right)]
        assert holders == list(ROLES[ROLES.index(lowest) :]) == list(roles_with(right))


def test_nobody_outside_holds_anything():
    assert not any(role_has(None, right) for right in RIGHTS)


@pytest.mark.parametrize(
    ("role", "manages"),
    [("owner", {*ROLES}), ("admin", {"viewer", "member"}), ("member", set()), ("viewer", set())],
)
def test_who_manages_whom(role, manages):
    assert set(manageable_roles(role)) == manages


@pytest.mark.parametrize(
    ("right", "lowest"),
    [
        ("agents.read", "viewer"),
        ("agents.edit", "member"),
        ("members.manage", "admin"),
        ("invitations.manage", "admin"),
        ("audit.read", "admin"),
        ("data.read", "admin"),
        ("org.delete", "owner"),
        ("owners.manage", "owner"),
    ],
)
def test_the_table_says_what_was_agreed(right, lowest):
    assert RIGHTS[right] == lowest


def test_an_unknown_right_stops_the_start():
    with pytest.raises(ValueError, match="unknown right"):
        org_right("agents.eat")
