// Forms: the warning about unsaved work, counters, passwords, Ctrl S and Ctrl Enter.
// Reads: form[data-form], form[data-dirty] (errors), body[data-public] or [data-leaving] (no warning), [data-save],
// [data-send], [data-counter] and [data-reveal] (ids).
import { onEnd, onSwap } from "./adapter.js";

// Unsaved work; a form that is being sent is none.

const guarded = "body:not([data-public], [data-leaving]) form[data-form]:not([aria-busy])";

// A list that names no choice shows its first one.
function chosenAnew(options, many) {
  const named = many || options.some((option) => option.defaultSelected);
  return options.some((option, index) => option.selected !== (named ? option.defaultSelected : index === 0));
}

function changed(control) {
  if (control.disabled) return false;
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control.options) return chosenAnew([...control.options], control.multiple);
  return control.type !== "hidden" && "defaultValue" in control && control.value !== control.defaultValue;
}

/** Whether a form holds work that was not sent. */
export const unsaved = (form) => "dirty" in form.dataset || [...form.elements].some(changed);
const warn = (event) => event.preventDefault();

/** Ask before work is lost that no form has sent. */
export function guard() {
  const attach = [...document.querySelectorAll(guarded)].some(unsaved);
  window[attach ? "addEventListener" : "removeEventListener"]("beforeunload", warn);
}

document.addEventListener("submit", guard);
onEnd(guard);

// Counters and passwords

function count(field) {
  const counter = document.querySelector(`[data-counter="${field.id}"]`);
  if (!counter) return;
  const rest = field.maxLength - field.value.length;
  const words = rest < 0 ? counter.dataset.over : counter.dataset.left;
  counter.hidden = rest > field.maxLength * 0.2;
  counter.textContent = words.replace("{n}", Math.abs(rest).toLocaleString("en"));
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.firstElementChild.textContent = shown ? button.dataset.hide : button.dataset.show;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-reveal]");
  if (button) reveal(button);
});

document.addEventListener("input", ({ target }) => {
  if (target.id) count(target);
  guard();
});

// Keys

document.addEventListener("keydown", (event) => {
  const plain = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && !event.isComposing;
  const form = event.target.closest("form[data-form]") ?? document.querySelector("main form[data-form]");
  const save = form?.querySelector("[data-save], [data-send]:enabled");
  if (!plain || !save || !(event.key === "s" || (event.key === "Enter" && event.target.closest("form")))) return;
  event.preventDefault();
  form.requestSubmit(save);
});

function start() {
  document.querySelectorAll("[data-counter]").forEach(({ dataset }) => count(document.getElementById(dataset.counter)));
  guard();
}

start();
onSwap(start);
