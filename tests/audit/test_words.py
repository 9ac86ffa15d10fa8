"""What people read of actions and values: words for each action that the code writes, and the labels of the forms."""

import ast
import itertools
from pathlib import Path

import pytest
from wtforms.fields.core import UnboundField

from app.agents.forms.agents import AgentForm
from app.agents.forms.evaluations import CaseForm
from app.agents.forms.personas import PersonaForm
from app.audit.forms.words import ACTIONS, action_words, field_words, value_words
from app.connections.forms import ConnectionForm, CredentialForm, ModelForm, ServerForm
from app.knowledge.forms import BaseForm
from app.orgs.forms import LimitForm, SavedViewForm
from app.tasks.forms import ScheduleForm
from app.tools.forms.single import CommonForm

ROOT = Path(__file__).parents[2] / "app"
OUTSIDE = {
    # What a value can be that comes from a form, an address or the database.
    ("app/audit/statuses.py", "_VERBS[step]"): ("archive", "restore", "delete"),
    ("app/audit/statuses.py", "kind"): ("agent", "persona", "thread"),
    ("app/orgs/services/spending.py", "kind"): ("org", "api_key"),
    ("app/runtime/services/approving.py", "verdict"): ("approve", "reject"),
    ("app/threads/services/changing.py", "act"): ("tag", "untag"),
}
FORMS = {
    "agent": AgentForm,
    "api_key": LimitForm,
    "connection_model": ModelForm,
    "credential": CredentialForm,
    "evaluation_case": CaseForm,
    "knowledge_base": BaseForm,
    "mcp_server": ServerForm,
    "model_connection": ConnectionForm,
    "org": LimitForm,
    "persona": PersonaForm,
    "saved_view": SavedViewForm,
    "schedule": ScheduleForm,
    "tool": CommonForm,
}
SHOWN_OTHERWISE = {"amount", "approval", "body", "credential", "lock_version", "secret"}


class Module:
    """A source file: which text an expression in it can be."""

    def __init__(self, path):
        self.name = str(path.relative_to(ROOT.parent))
        self.tree = ast.parse(path.read_text())
        classes = [node for node in self.tree.body if isinstance(node, ast.ClassDef)]
        nodes = itertools.chain(self.tree.body, *(node.body for node in classes))
        self.functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        self.imports = {
            (alias.name, node.module)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self.constants = {
            node.targets[0].id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }

    def actions(self):
        """What the file notes, by the line of the call."""
        for function, call in self.calls("record", "Target", "record_change"):
            named = ast.unparse(call.func)
            if (named, "app.audit.services") not in self.imports and named == "Target":
                continue
            texts = self.texts(call.args[0], function)
            yield call.lineno, {f"{text}.change" for text in texts} if named == "record_change" else texts

    def calls(self, *names):
        for function in self.functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("self.") in names:
                    yield function, node

    def texts(self, value, function):
        """Every text the expression can be; AssertionError where that cannot be seen and is not in OUTSIDE."""
        if (known := OUTSIDE.get((self.name, ast.unparse(value)))) is not None:
            return set(known)
        if isinstance(value, ast.Constant):
            return {value.value}
        if isinstance(value, ast.FormattedValue):
            return self.texts(value.value, function)
        if isinstance(value, ast.JoinedStr):
            parts = [self.texts(part, function) for part in value.values]
            return {"".join(text) for text in itertools.product(*parts)}
        if isinstance(value, ast.IfExp):
            return self.texts(value.body, function) | self.texts(value.orelse, function)
        assert isinstance(value, ast.Name), f"{self.name}: say in OUTSIDE what {ast.unparse(value)} can be"
        return self.of_name(value.id, function)

    def of_name(self, name, function):
        if name in self.constants:
            return self.texts(self.constants[name], function)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return self.texts(node.value, function)
        given = [arg.arg for arg in function.args.args if arg.arg != "self"]
        assert name in given, f"{self.name}: say in OUTSIDE what {name} can be"
        return set().union(*self.handed(function, given.index(name)))

    def handed(self, function, place):
        """What callers hand to a function as this argument."""
        own = self.name.removesuffix(".py").replace("/", ".")
        private = function.name.startswith("_")
        for module in MODULES:
            if module is self or (not private and own in {source for _name, source in module.imports}):
                for caller, call in module.calls(function.name, f"acting.{function.name}"):
                    yield module.texts(call.args[place], caller)


MODULES = [Module(path) for path in sorted(ROOT.rglob("*.py"))]
WRITTEN = {
    (module.name, line): actions
    for module in MODULES
    if module.name != "app/connections/services/changed.py"
    for line, actions in module.actions()
}


def test_every_action_that_the_code_notes_has_words():
    missing = {place: names for place, actions in WRITTEN.items() if (names := actions - set(ACTIONS))}
    assert missing == {}
    assert len(WRITTEN) > 100


def test_no_words_are_kept_for_what_is_never_noted():
    assert set(ACTIONS) - set().union(*WRITTEN.values()) == set()


def test_an_action_of_former_days_is_told_as_it_stands():
    assert action_words("saved_view.set_aside") == "Saved view: set aside"


@pytest.mark.parametrize("kind", FORMS)
def test_a_value_is_called_as_in_the_form_of_its_thing(kind):
    fields = {
        name: field.args[0]
        for of in FORMS[kind].__mro__
        for name, field in vars(of).items()
        if isinstance(field, UnboundField) and field.args and name not in SHOWN_OTHERWISE
    }
    assert fields
    assert {name: field_words(name, kind) for name in fields} == fields


def test_values_read_as_people_write_them():
    assert [value_words(value) for value in (None, True, 0, "x", ["a"])] == ["", "yes", "0", "x", '["a"]']
