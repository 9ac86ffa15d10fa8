// What htmx does, told to the visitor and to the other modules.
// Reads: meta csrf-token, body[data-epoch], #status, #progress, #toasts, templates #toast-good, #toast-bad, #failure.

const BAR_AFTER = 300;
const SHORT = 6000;
const LONG = 10000;
const STUCK = 10000;
const ANSWERS = [401, 409, 422];

const byId = (id) => document.getElementById(id);
const on = (name, act) => document.addEventListener(`htmx:${name}`, act);

// The status region

let announcement;

/** Has `text` said; the only writer of the status region. */
export function say(text) {
  const status = byId("status");
  status.textContent = "";
  clearTimeout(announcement);
  announcement = setTimeout(() => { status.textContent = text; }, 50);
}

on("oobBeforeSwap", ({ detail }) => {
  if (detail.target !== byId("status")) return;
  detail.shouldSwap = false;
  if (!quiet) say(detail.fragment.textContent.trim());
});

// Toasts

function dismiss(toast) {
  const focused = toast.contains(document.activeElement);
  toast.remove();
  if (focused) (document.querySelector("#toasts button") ?? byId("main")).focus();
}

function show(toast) {
  const life = toast.querySelector("form") ? LONG : SHORT;
  let timer;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    if (!toast.matches(":hover, :focus-within")) timer = setTimeout(dismiss, life, toast);
  };
  for (const name of ["mouseenter", "focusin"]) toast.addEventListener(name, stop);
  for (const name of ["mouseleave", "focusout"]) toast.addEventListener(name, () => setTimeout(start));
  toast.querySelector("[data-dismiss]").addEventListener("click", () => dismiss(toast));
  byId("toasts").append(toast);
  import("./place.js");
  start();
}

function toast({ level, text, undo_url: undo }) {
  const id = ["error", "warning"].includes(level) ? "toast-bad" : "toast-good";
  const made = byId(id).content.firstElementChild.cloneNode(true);
  made.className = `toast toast-${level}`;
  made.querySelector("p").textContent = text;
  const form = made.querySelector("form");
  if (undo) form.action = undo;
  else form.remove();
  show(made);
}

document.addEventListener("app:toast", ({ detail }) => detail.toasts.forEach(toast));
// Live regions say what arrives.
document.querySelectorAll("#toasts [data-toast]").forEach(show);

// Requests

const pending = new Map();
const ended = [];
const swapped = [];
const refused = [];
let bar;

/** Calls `act` with the element that sent a request, whatever became of it. */
export const onEnd = (act) => ended.push(act);

/** Calls `act` with the region that has come in and the element that asked for it. */
export const onSwap = (act) => swapped.push(act);

/** Calls `act` when the session has ended (true) or the page is of an older one (false). */
export const onRefusal = (act) => refused.push(act);

const polls = ({ requestConfig }) => requestConfig.elt.matches("[hx-trigger^=every]");

on("configRequest", ({ detail }) => {
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
});

on("beforeRequest", (event) => {
  if (polls(event.detail) && document.hidden) event.preventDefault();
});

on("beforeSend", ({ detail }) => {
  if (polls(detail)) return;
  pending.set(detail.xhr, detail.target);
  detail.xhr.addEventListener("loadend", () => settle(detail.xhr));
  detail.target.setAttribute("aria-busy", "true");
  bar ??= setTimeout(() => { byId("progress").hidden = false; }, BAR_AFTER);
});

// afterRequest does not reach the document where another answer replaced the element that asked.
function settle(xhr) {
  const region = pending.get(xhr);
  pending.delete(xhr);
  if (region && ![...pending.values()].includes(region)) region.removeAttribute("aria-busy");
  if (!pending.size) {
    clearTimeout(bar);
    bar = undefined;
    byId("progress").hidden = true;
  }
}

on("afterRequest", ({ detail }) => ended.forEach((act) => act(detail.requestConfig.elt)));

// Forms that are sent, with or without htmx: one at a time.

function end(form) {
  if (!form.isConnected || !form.matches("form[aria-busy]")) return;
  for (const busy of [form, ...form.querySelectorAll("[aria-busy]")]) busy.removeAttribute("aria-busy");
  for (const words of form.querySelectorAll("[data-words]")) {
    words.textContent = words.dataset.words;
    words.removeAttribute("data-words");
  }
}

function send(form, button) {
  form.setAttribute("aria-busy", "true");
  button?.setAttribute("aria-busy", "true");
  setTimeout(end, STUCK, form);
  if (!button?.dataset.busy) return;
  const words = button.querySelector("span");
  words.dataset.words = words.textContent;
  words.textContent = button.dataset.busy;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[method=post]")) return;
  if (!form.hasAttribute("aria-busy")) return send(form, event.submitter);
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

onEnd(end);
window.addEventListener("pageshow", ({ persisted }) => persisted && [...document.forms].forEach(end));

// Failures: the old content stays, an alert above it says why.

function report(detail, text, retry) {
  byId("failed")?.remove();
  const alert = byId("failure").content.firstElementChild.cloneNode(true);
  const button = alert.querySelector("[data-retry]");
  const { verb, path, elt, target, triggeringEvent: event } = detail.requestConfig;
  alert.id = "failed";
  alert.querySelector("p").textContent = text;
  button.addEventListener("click", () => {
    if (event?.submitter) event.submitter.click();
    else window.htmx.ajax(verb, path, { source: elt, target, event });
  });
  if (!retry) button.remove();
  (target.closest("#results, form") ?? target).before(alert);
}

function told(xhr) {
  const events = JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}");
  return events["app:toast"]?.toasts.map(({ text }) => text).join(" ");
}

on("beforeOnLoad", (event) => {
  const { detail } = event;
  const { xhr } = detail;
  if ([400, 401].includes(xhr.status)) refused.forEach((act) => act(xhr.status === 401));
  if (xhr.status < 400 || ANSWERS.includes(xhr.status)) return;
  event.preventDefault();
  if (polls(detail)) return;
  const text = told(xhr) ?? byId("failure").dataset.failed.replace("{status}", xhr.status);
  report(detail, text, xhr.status === 429 || xhr.status >= 500);
});

for (const [name, words] of [["sendError", "offline"], ["timeout", "slow"]]) {
  on(name, ({ detail }) => polls(detail) || report(detail, byId("failure").dataset[words], true));
}

// Focus: htmx finds the same id again; the rest has a twin or a neighbour. Polls are quiet, and swap in news only.

let left;
let settled;
let quiet;
const known = {};

on("beforeSwap", ({ detail }) => {
  const { path } = detail.requestConfig;
  left = document.activeElement;
  quiet = polls(detail);
  if (quiet && known[path] === detail.serverResponse) detail.shouldSwap = false;
  known[path] = detail.serverResponse;
});

const whole = (control) => control.form ?? control;

function repair(region) {
  if (left.isConnected) return;
  const twin = [...document.querySelectorAll(left.localName)].find((other) => whole(other).isEqualNode(whole(left)));
  region.tabIndex = -1;
  for (const place of [twin, left.closest(".chips") && byId("chips-clear"), region]) {
    if (document.activeElement === document.body) place?.focus({ preventScroll: true });
  }
}

// Fires for every element that came in, those out of band too.
on("afterSettle", ({ target, detail }) => {
  if (settled === detail.xhr) return;
  settled = detail.xhr;
  const region = byId(detail.target.id) ?? target;
  byId("failed")?.remove();
  repair(region);
  swapped.forEach((act) => act(region, detail.requestConfig.elt));
});

// Back after sign-out: a kept page stays hidden until it is known to be of this session.

const epoch = () => document.cookie.match(/(?:^|; )session_epoch=([^;]*)/)?.[1] ?? "";
const veil = (value) => { document.documentElement.style.visibility = value; };

if ("epoch" in document.body.dataset) {
  window.addEventListener("pagehide", () => veil("hidden"));
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted && document.body.dataset.epoch !== epoch()) location.reload();
    else veil("");
  });
}
