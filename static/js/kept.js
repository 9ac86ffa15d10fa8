// What was typed outlives a form that could not be taken: kept in this tab, for the person who typed it, and put back
// into the next page that holds the form. Never passwords, codes, files or tokens.
// Reads: body[data-user] (pages of nobody have none), [data-unsent] (on pages that say that a form was not taken),
// forms by their action, the [popovertarget] of a menu that one stands in; template #kept with [data-rest].
// Writes: sessionStorage "kept".
import { onRefusal, onSwap } from "./adapter.js";
import { guard, unsaved } from "./form.js";

const KEY = "kept";
const OWN = ["csrf_token", "once", "username"];
const NEVER = ["password", "file", "submit", "button", "image", "reset"];
const { user } = document.body.dataset;

const ticked = ({ type }) => ["checkbox", "radio"].includes(type);
const action = (form) => form.getAttribute("action");
const forms = () => [...document.querySelectorAll("form[method=post][action]")];
const unsent = () => !user || document.querySelector("[data-unsent]");

// A password that is shown is a field of text.
function keeps(control) {
  const { id, name, type } = control;
  if (!name || !("value" in control) || OWN.includes(name) || NEVER.includes(type)) return false;
  return control.autocomplete !== "one-time-code" && !document.querySelector(`[data-reveal="${id}"]`);
}

const controls = (form) => [...form.elements].filter(keeps);
const written = ({ type, value }) => ["text", "textarea"].includes(type) && value;
const holds = (form) => controls(form).some(form.matches("[data-form]") ? Boolean : written);
const chosen = ({ selectedOptions }) => selectedOptions && [...selectedOptions].map(({ value }) => value);

function record(control) {
  const { name, type, value } = control;
  const on = !ticked(control) || control.checked;
  return { name, value: chosen(control) ?? value, on, hidden: type === "hidden" };
}

function keep(sent, refused) {
  const full = forms().filter((form) => holds(form) && (form === sent || unsaved(form)));
  const kept = full.map((form) => ({ action: action(form), id: form.id, fields: controls(form).map(record) }));
  try {
    if (kept.length) sessionStorage.setItem(KEY, JSON.stringify({ user, refused, forms: kept }));
  } catch {
    // More than a tab may keep: the browser's own Back is left.
  }
}

document.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (action(target) === "/sign-out") sessionStorage.removeItem(KEY);
  else if (!unsent() && !defaultPrevented) keep(target, false);
});

let refused = false;

onRefusal((ended) => {
  refused = true;
  if (ended) document.body.dataset.leaving = "";
  guard();
});
window.addEventListener("pagehide", () => refused && keep(null, true));

function put(control, field) {
  const before = JSON.stringify(record(control));
  const values = [field.value].flat();
  if (control.options) for (const option of control.options) option.selected = values.includes(option.value);
  else if (ticked(control)) control.checked = field.on;
  else control.value = field.value;
  if (before === JSON.stringify(record(control))) return;
  for (const name of ["input", "change"]) control.dispatchEvent(new Event(name, { bubbles: true }));
}

// Hidden fields are the page's own, but for the version that was read: it tells whether somebody else saved since.
function fill(form, fields) {
  for (const control of controls(form)) {
    if (control.type === "hidden" && control.name !== "lock_version") continue;
    const fits = ({ name, value }) => name === control.name && (!ticked(control) || value === control.value);
    const place = fields.findIndex(fits);
    if (place >= 0) put(control, fields.splice(place, 1)[0]);
  }
}

function giveBack({ id, fields, ...kept }) {
  const places = forms().filter((form) => action(form) === kept.action);
  const form = places.find((place) => place.id === id) ?? places[0];
  if (!form) return false;
  const notice = document.getElementById("kept").content.firstElementChild.cloneNode(true);
  const rest = notice.querySelector("[data-rest]");
  const show = () => {
    fill(form, fields);
    const left = fields.filter(({ hidden, on, value }) => !hidden && on && String(value));
    rest.hidden = !left.length;
    rest.querySelector("pre").textContent = left.map(({ name, value }) => `${name}: ${value}`).join("\n");
  };
  for (let place = form.closest("details"); place; place = place.parentElement.closest("details")) place.open = true;
  document.querySelector(`[popovertarget="${form.closest("[popover]")?.id}"]`)?.click();
  form.before(notice);
  show();
  notice.tabIndex = -1;
  notice.focus();
  onSwap(({ dataset }) => "saved" in dataset ? notice.remove() : show());
  return true;
}

function begin() {
  const kept = JSON.parse(sessionStorage.getItem(KEY));
  if (!kept) return;
  if (user && user !== kept.user) sessionStorage.removeItem(KEY);
  else if (unsent()) sessionStorage.setItem(KEY, JSON.stringify({ ...kept, refused: true }));
  else if (!kept.refused || kept.forms.map(giveBack).some(Boolean)) sessionStorage.removeItem(KEY);
  guard();
}

if (document.readyState === "complete") begin();
else window.addEventListener("load", begin);
