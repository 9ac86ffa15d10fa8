// Shortcuts and the palette. Reads: [data-key] (clicked by its key; "g a" is a sequence), [data-opens] (a dialog's id),
// #shortcuts[data-enabled] (else no single keys), [data-commands] (words of a group of links, data-command: of one),
// #org-filter (narrows the links of #org-menu), body[data-palette-url]: GET ?q= answers
// {"groups": [{"label", "items": [{"text", "note", "url"}]}]}.

const SEQUENCE = 1500;
const DEBOUNCE = 150;
const MOST = 20;
const FEW = 5;
const FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const ID = /(^|\/|_)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);
const control = (event) => event.ctrlKey || event.metaKey;
const palette = byId("palette");
const input = byId("palette-input");
const list = byId("palette-list");

// Shortcuts

const bound = new Map();
let prefix = "";
let forget;

/** Has `key` ("j", "Shift+x", "Escape") do `act` wherever single keys work. */
export const bind = (key, act) => bound.set(key, act);

function open(id) {
  if (id === "palette") fill("");
  byId(id).showModal();
}

function named(event) {
  const letter = event.shiftKey && /^[a-z]$/i.test(event.key);
  return prefix + (letter ? `Shift+${event.key.toLowerCase()}` : event.key);
}

function idle(event) {
  const modified = control(event) || event.altKey || event.getModifierState("AltGraph");
  const covered = document.querySelector("dialog[open], :popover-open");
  return event.isComposing || event.defaultPrevented || modified || covered || event.target.closest(FIELDS);
}

function press(event) {
  if (idle(event) || !("enabled" in byId("shortcuts").dataset)) return;
  const name = named(event);
  const element = all("[data-key]").find(({ dataset }) => dataset.key === name);
  clearTimeout(forget);
  prefix = name === "g" ? "g " : "";
  forget = setTimeout(() => { prefix = ""; }, SEQUENCE);
  if (!element && !bound.has(name)) return;
  event.preventDefault();
  if (element) element.click();
  else bound.get(name)();
}

document.addEventListener("keydown", (event) => {
  if (!control(event) || event.altKey || event.shiftKey || event.key !== "k") return press(event);
  event.preventDefault();
  if (palette.open) palette.close();
  else open("palette");
});

document.addEventListener("click", ({ target }) => {
  const opener = target.closest("[data-opens]");
  if (opener) open(opener.dataset.opens);
});

bind("?", () => open("shortcuts"));

// What the palette offers

const { epoch, paletteUrl } = document.body.dataset;
const store = `recent ${epoch}`;
const recent = JSON.parse(sessionStorage.getItem(store) ?? "[]");

if (ID.test(location.pathname)) {
  const here = { text: document.querySelector("h1").textContent.trim(), url: location.pathname };
  const items = [here, ...recent.filter(({ url }) => url !== here.url)];
  sessionStorage.setItem(store, JSON.stringify(items.slice(0, 5)));
}

const holds = (text, query) => query.toLowerCase().split(" ").every((word) => text.toLowerCase().includes(word));

// A search needs room.
function commands(query) {
  const most = query && query[0] !== ">" ? FEW : MOST;
  return all("[data-commands]").reverse().map((place) => ({
    label: place.dataset.commands,
    items: all("a[href]", place)
      .map((link) => ({ text: link.dataset.command ?? link.textContent.trim(), url: link.href }))
      .filter(({ text }) => holds(text, query.replace(">", "")))
      .slice(0, most),
  }));
}

// Its list

let timer;
let request;

const options = () => all("[role=option]", list);
const chosen = () => list.querySelector("[aria-selected=true]");

function make(name, role, text) {
  const element = document.createElement(name);
  if (role) element.role = role;
  element.textContent = text;
  return element;
}

function choose(option) {
  const before = chosen();
  if (before) before.ariaSelected = "false";
  option.ariaSelected = "true";
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function option({ text, note, url }, number) {
  const element = make("div", "option", text);
  element.id = `option-${number}`;
  element.dataset.url = url;
  element.ariaSelected = "false";
  if (note) element.append(make("small", "", note));
  return element;
}

function add({ label, items }) {
  const count = options().length;
  const shown = items.slice(0, MOST - count).map((item, number) => option(item, count + number));
  if (!shown.length) return;
  const group = make("div", "group", "");
  group.ariaLabel = label;
  group.append(...shown);
  list.append(group);
  if (!count) choose(shown[0]);
}

function tell() {
  const count = options().length;
  const { none, one, many } = list.dataset;
  byId("palette-count").textContent = [none, one][count] ?? many.replace("{n}", count);
}

function go(option, apart) {
  if (!option) return;
  palette.close();
  if (apart) window.open(option.dataset.url);
  else location.assign(option.dataset.url);
}

async function search(query) {
  request = new AbortController();
  const { signal } = request;
  try {
    const url = `${paletteUrl}?q=${encodeURIComponent(query)}`;
    const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
    if (answer.ok) (await answer.json()).groups.forEach(add);
  } catch {
    if (signal.aborted) return;
  }
  tell();
  if (ID.test(query) && options().length === 1) go(chosen());
}

function fill(text) {
  const query = text.trim();
  clearTimeout(timer);
  request?.abort();
  input.value = text;
  input.removeAttribute("aria-activedescendant");
  list.replaceChildren();
  if (!query) add({ label: list.dataset.recent, items: recent });
  commands(query).forEach(add);
  if (query && paletteUrl && query[0] !== ">") timer = setTimeout(search, DEBOUNCE, query);
  else tell();
}

input.addEventListener("input", (event) => event.isComposing || fill(input.value));
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1, Enter: 0 }[event.key];
  if (step === undefined || event.isComposing) return;
  event.preventDefault();
  const found = options();
  if (!step) go(chosen(), control(event));
  else if (found.length) choose(found.at((found.indexOf(chosen()) + step) % found.length));
});
list.addEventListener("click", (event) => go(event.target.closest("[role=option]"), control(event)));

// The organisations to change to

byId("org-filter")?.addEventListener("input", ({ target }) => {
  for (const { parentElement, dataset } of all("[data-command]", byId("org-menu"))) {
    parentElement.hidden = !holds(dataset.command, target.value);
  }
});
