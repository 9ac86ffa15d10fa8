// Shortcuts. Reads: [data-key] (pressed by its key, "g a" is a sequence), [data-opens] (id of a dialog),
// #shortcuts[data-enabled] (absent: single keys are switched off).

const SEQUENCE = 1500;
const FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const bound = new Map();

/** Has `key` ("j", "Shift+x", "g a", "Escape") do `act` wherever single keys work. */
export const bind = (key, act) => bound.set(key, act);

let prefix = "";
let forget;

function full(event) {
  const letter = event.shiftKey && /^[a-z]$/i.test(event.key);
  return prefix + (letter ? `Shift+${event.key.toLowerCase()}` : event.key);
}

function idle(event) {
  const modified = event.ctrlKey || event.metaKey || event.altKey || event.getModifierState("AltGraph");
  const open = document.querySelector("dialog[open], :popover-open");
  return event.isComposing || event.defaultPrevented || modified || open || event.target.closest(FIELDS);
}

function press(name) {
  const element = document.querySelector(`[data-key="${CSS.escape(name)}"]`);
  return bound.get(name) ?? (element && (() => element.click()));
}

document.addEventListener("keydown", (event) => {
  if (idle(event) || !("enabled" in document.getElementById("shortcuts").dataset)) return;
  const name = full(event);
  prefix = "";
  clearTimeout(forget);
  const act = press(name);
  if (act) {
    event.preventDefault();
    act();
  } else if (name === "g") {
    prefix = "g ";
    forget = setTimeout(() => { prefix = ""; }, SEQUENCE);
  }
});

document.addEventListener("click", ({ target }) => {
  const opener = target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});

bind("?", () => document.getElementById("shortcuts").showModal());
