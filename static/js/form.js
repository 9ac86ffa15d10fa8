// Forms: the warning about unsaved work, one submission at a time, counters, passwords, Ctrl S and Ctrl Enter.
// Reads: form[data-form], form[data-dirty] (came back with errors), body[data-public] (no warning), button[data-save],
// button[data-busy] (words while sending), [data-counter] and [data-reveal] (ids of fields).
import { onEnd, onSwap } from "./adapter.js";

const STUCK = 10000;

// Unsaved work

const guarded = "body:not([data-public]) form[data-form]";
const leaving = new WeakSet();

function changed(control) {
  if (control.disabled) return false;
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control.options) return [...control.options].some((option) => option.selected !== option.defaultSelected);
  return control.type !== "hidden" && "defaultValue" in control && control.value !== control.defaultValue;
}

const unsaved = (form) => !leaving.has(form) && ("dirty" in form.dataset || [...form.elements].some(changed));
const warn = (event) => event.preventDefault();

function guard() {
  const attach = [...document.querySelectorAll(guarded)].some(unsaved);
  window[attach ? "addEventListener" : "removeEventListener"]("beforeunload", warn);
}

// Sending

function sent(button) {
  button.removeAttribute("aria-busy");
  if (button.dataset.words) button.querySelector("span").textContent = button.dataset.words;
  delete button.dataset.words;
}

function end(form) {
  if (!form?.matches?.("form[aria-busy]")) return;
  form.removeAttribute("aria-busy");
  form.querySelectorAll("button[aria-busy]").forEach(sent);
  leaving.delete(form);
  guard();
}

function send(form, button) {
  form.setAttribute("aria-busy", "true");
  leaving.add(form);
  guard();
  if (!button) return;
  button.setAttribute("aria-busy", "true");
  if (!button.dataset.busy) return;
  const words = button.querySelector("span");
  button.dataset.words = words.textContent;
  words.textContent = button.dataset.busy;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.hasAttribute("aria-busy")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  send(form, event.submitter);
  setTimeout(end, STUCK, form);
}, true);

onEnd(end);
window.addEventListener("pageshow", ({ persisted }) => persisted && [...document.forms].forEach(end));

// Counters and passwords

function count(field) {
  const counter = document.querySelector(`[data-counter="${field.id}"]`);
  if (!counter) return;
  const rest = field.maxLength - field.value.length;
  const words = rest < 0 ? counter.dataset.over : counter.dataset.left;
  counter.hidden = field.value.length < field.maxLength * 0.8;
  counter.textContent = words.replace("{n}", Math.abs(rest));
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", shown);
  button.textContent = shown ? button.dataset.hide : button.dataset.show;
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
  const save = form?.querySelector("[data-save]");
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
