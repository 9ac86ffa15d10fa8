// A form that saves itself: two seconds after the last change, ten after it was last saved at the earliest.
// Reads: form[data-autosave] with data-saving and data-failed, its [data-save-state]; the region that comes back has
// data-saved, or data-conflict: then people decide. Sends: the event "autosave", which the form is sent upon.
import { onEnd, onSwap, say } from "./adapter.js";
import { guard, unsaved } from "./form.js";

const IDLE = 2000;
const PAUSE = 10000;
const UNANSWERED = 500;

const form = document.querySelector("form[data-autosave]");
const tell = (text) => { form.querySelector("[data-save-state]").textContent = text; };

let timer;
let last = 0;
let sent;
let unanswered;
let waiting;
let stopped = false;

function later() {
  clearTimeout(timer);
  if (!stopped) timer = setTimeout(save, Math.max(IDLE, last + PAUSE - Date.now()));
}

function save() {
  if (form.hasAttribute("aria-busy")) return;
  if (sent) {
    later();
    return;
  }
  sent = [...form.elements].map((control) => [control, control.value, control.checked]);
  last = Date.now();
  tell(form.dataset.saving);
  form.dispatchEvent(new Event("autosave"));
}

// What was sent is what there is to lose no more: the server has it, or the choice between both texts does.
function keep([control, value, checked]) {
  if (control.options) for (const option of control.options) option.defaultSelected = option.value === value;
  else if (control.type === "checkbox") control.defaultChecked = checked;
  else if (control.type !== "hidden" && "defaultValue" in control) control.defaultValue = value;
}

// Whoever pressed Save meanwhile does so now.
function go() {
  sent = undefined;
  const button = waiting;
  waiting = undefined;
  if (button) form.requestSubmit(button);
}

function fail() {
  tell(form.dataset.failed);
  later();
  go();
}

form.addEventListener("input", later);
if (unsaved(form)) later();

window.addEventListener("submit", (event) => {
  if (event.target !== form) return;
  clearTimeout(timer);
  if (!sent) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = event.submitter ?? form.querySelector("[data-save]");
}, true);

onEnd((sender) => {
  if (sender === form && sent) unanswered = setTimeout(fail, UNANSWERED);
});

onSwap((region, sender) => {
  if (sender !== form || !sent) return;
  clearTimeout(unanswered);
  const { saved, conflict } = region.dataset;
  stopped = conflict !== undefined;
  if (saved || stopped) {
    sent.forEach(keep);
    delete form.dataset.dirty;
    guard();
  }
  tell(saved ?? conflict ?? form.dataset.failed);
  if (stopped) say(conflict);
  go();
});
