// Selected rows, keys on rows. Reads: #results, #q, form[data-bulk] (data-one, data-many, data-cleared) around
// input[name=ids], [data-select-all], [data-bulk-count], [data-bulk-all]. Writes: tr[data-active].
import { onSwap, say } from "./adapter.js";
import { bind } from "./keys.js";

const bulk = () => document.querySelector("[data-bulk]");
const boxes = (form) => [...form.querySelectorAll("[name=ids]")];

// Selection

let last;

function update(form) {
  const all = boxes(form);
  const ticked = all.filter((box) => box.checked).length;
  const head = form.querySelector("[data-select-all]");
  const match = form.querySelector("[data-bulk-all]");
  const full = ticked > 0 && ticked === all.length;
  if (head) Object.assign(head, { checked: full, indeterminate: ticked > 0 && !full });
  if (match) match.hidden = !full;
  const every = match?.querySelector("input");
  if (every && !full) every.checked = false;
  const { one, many, cleared } = form.dataset;
  const words = [cleared, one][ticked] ?? many.replace("{n}", ticked);
  form.querySelector("[data-bulk-count]").textContent = words;
  return words;
}

const settle = (form) => say(update(form));

function range(form, box, checked) {
  const all = boxes(form);
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
  if (from >= 0) all.slice(from, to + 1).forEach((each) => { each.checked = checked; });
}

document.addEventListener("click", ({ target, shiftKey }) => {
  const form = target.closest("[data-bulk]");
  if (!form || target.name !== "ids") return;
  if (shiftKey) range(form, target, target.checked);
  last = target;
  settle(form);
});

document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-select-all]")) return;
  boxes(target.form).forEach((box) => { box.checked = target.checked; });
  settle(target.form);
});

function clear() {
  const form = bulk();
  if (!form || !boxes(form).some((box) => box.checked)) return;
  boxes(form).forEach((box) => { box.checked = false; });
  settle(form);
}

// Keys

const rows = () => [...document.querySelectorAll("#results tbody tr")];
const current = () => document.activeElement.closest("#results tbody tr") ?? document.querySelector("tr[data-active]");

function move(step) {
  const all = rows();
  const row = all[Math.min(Math.max(all.indexOf(current()) + step, 0), all.length - 1)];
  if (!row) return;
  document.querySelector("tr[data-active]")?.removeAttribute("data-active");
  row.setAttribute("data-active", "");
  row.querySelector("a")?.focus();
}

function tick(many) {
  const box = current()?.querySelector("[name=ids]");
  if (!box) return;
  if (many && last?.isConnected) {
    range(box.form, box, true);
    last = box;
    settle(box.form);
  } else {
    box.click();
  }
}

bind("j", () => move(1));
bind("k", () => move(-1));
bind("x", () => tick(false));
bind("Shift+x", () => tick(true));
bind("Escape", clear);
bind("/", () => document.getElementById("q")?.select());

// Swaps

function refresh() {
  const form = bulk();
  if (form) update(form);
}

refresh();
onSwap((region, source) => {
  refresh();
  if (source.closest(".pager-links")) region.scrollIntoView();
});
