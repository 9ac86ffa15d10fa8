"""What the Jinja environment of the pages does otherwise than Jinja's own."""

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError
from jinja2.runtime import markup_join
from markupsafe import Markup, escape

from app.web.templating import Templates, joined, shown


class Named(str):
    """Text of a class of its own."""

    __slots__ = ()


class Tag:
    """An object that knows its HTML."""

    def __html__(self):
        return "<b>tag</b>"


VALUES = [
    "",
    "plain",
    "<script>",
    "a & b",
    'say "yes"',
    "it's",
    "naïve 日本",
    "\x00<",
    Named("<i>"),
    Markup("<em>kept</em>"),
    Tag(),
    0,
    1.5,
    None,
    ["<"],
]
PAGES = {
    "page.html": """{% import "macros.html" as own %}{% for value in values %}{{ own.cell(value) }}{% endfor %}
        {%- call own.frame("a & b") %}<i>{{ values[2] }}</i>{% endcall %}{{ own.cell("<") ~ "&" }}{{ both("<") }}""",
    "macros.html": """{% macro cell(value, mark="<") %}<td>{{ mark }}{{ value }}</td>{% endmacro %}
        {%- macro frame(title) %}<p title="{{ title }}">{{ caller() }}</p>{% endmacro %}""",
    "calls.html": """{% macro some(one, two="<2>") %}{{ one }}{{ two }}{% endmacro %}
        {%- macro more(one="1") %}{{ one }}{{ varargs }}{{ kwargs }}{% endmacro %}
        {%- macro around(one="1") %}{{ one }}{{ caller(one) if caller is defined else "alone" }}{% endmacro %}
        {{- some("<1>") }}{{ some(1, 2) }}{{ some(two=1, one="&") }}{{ more() }}{{ more(1, 2) }}{{ more(1, two=2) }}
        {{- around() }}{{ around("<") }}{% call(what) around("&") %}{{ what }}{% endcall %}
        {%- for value in values %}{{ some(value) ~ value }}{{ "<" ~ value ~ ">" }}{% endfor %}""",
    "choices.html": """{% for value in values %}{{ "yes" if value else "no" }}{{ "<i>" if value else "&" }}
        {{- "a" if value }}{{ value if value else "none" }}{{ 1 if value else 2 }}{% endfor %}""",
    "shared.html": """{% for value in values %}{{ ui.cell(value) }}{{ ui.cell(value, mark=value) }}
        {{- ui.cell("<") ~ value }}{% call ui.frame(value) %}{{ ui.cell(value) }}{% endcall %}{% endfor %}""",
    "page.txt": """{% for value in values %}{{ value }}{% endfor %}""",
    "missing.html": "{{ nothing }}",
    "many.html": """{% macro one(value) %}{{ value }}{% endmacro %}{{ one(1, 2) }}""",
}


@pytest.fixture
def environments(app):
    options = {"loader": DictLoader(PAGES), "undefined": StrictUndefined}
    plain = Environment(autoescape=app.select_jinja_autoescape, **options)  # noqa: S701 - the pages' own choice
    ours = Templates(app, autoescape=app.select_jinja_autoescape, **options)
    for environment in (plain, ours):
        environment.globals["both"] = lambda value: f"{value}>"
        environment.globals["ui"] = environment.get_template("macros.html").module
    return plain, ours


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_shown_as_jinja_shows_it(value):
    assert str(shown(value)) == str(escape(value))


@pytest.mark.parametrize("before", VALUES)
@pytest.mark.parametrize("after", VALUES)
def test_values_are_joined_as_jinja_joins_them(before, after):
    ours, plain = joined((before, "<", after)), markup_join((before, "<", after))
    assert (str(ours), isinstance(ours, Markup)) == (str(plain), isinstance(plain, Markup))


@pytest.mark.parametrize("page", ["page.html", "page.txt", "calls.html", "shared.html"])
def test_a_page_is_what_jinja_makes_of_it(environments, page):
    plain, ours = (environment.get_template(page).render(values=VALUES) for environment in environments)
    assert ours == plain
    assert ("<script>" in ours) is (page == "page.txt")


def test_choices_are_what_jinja_makes_of_them(environments):
    plain, ours = (
        environment.get_template("choices.html").render(values=[True, 1, "<b>"])
        for environment in environments
    )
    assert ours == plain


def test_a_macro_may_leave_many_values_to_their_defaults(environments):
    names = ", ".join(f"v{n}={n}" for n in range(20))
    source = f"{{% macro many({names}) %}}{{{{ v0 }}}} {{{{ v19 }}}}{{% endmacro %}}{{{{ many('<') }}}}{{{{ many() }}}}"
    plain, ours = (environment.from_string(source).render() for environment in environments)
    assert ours == plain


def test_an_unknown_name_and_a_value_too_many_are_errors(environments):
    _, ours = environments
    with pytest.raises(UndefinedError):
        ours.get_template("missing.html").render()
    with pytest.raises(TypeError, match="not more than 1"):
        ours.get_template("many.html").render()


def test_pages_are_made_with_it_and_go_the_short_way(app):
    assert type(app.jinja_env) is Templates
    source = app.jinja_env.compile("{{ name }}", filename="page.html", name="page.html", raw=True)
    assert "environment.shown(" in source
    assert "escape(" not in source
    source = app.jinja_env.compile("{{ ui.icon('x') }}", filename="page.html", name="page.html", raw=True)
    assert "context.made(" in source
    assert "shown(" not in source
