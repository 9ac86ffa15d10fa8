// An answer as it is written, followed over a broken line; when it has ended the page's own rendering takes its place.
// Reads: [data-stream] (address of the events) with its words; in it [data-parts], [data-answered] and
// input[name=reason]; [data-send], which waits for the end of all of them.
import { onSwap, say } from "./adapter.js";

const NEAR = 120;
const POLL = 2000;
const sources = new Map();

const nearEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - NEAR;

function words(part, { using, used, failed }) {
  if (part.kind === "tool_call") return using.replace("{name}", part.name);
  if (part.kind === "tool_result") return part.status === "succeeded" ? used : failed.replace("{result}", part.result);
  if (part.kind === "citation") return `[${part.number}] ${part.title}`;
  return part.message ?? part.text ?? "";
}

function element(part, texts) {
  const made = document.createElement(part.kind === "reasoning" ? "details" : "div");
  if (part.kind === "reasoning") made.appendChild(document.createElement("summary")).textContent = texts.reasoning;
  const text = made.appendChild(document.createElement("div"));
  text.className = `coming coming-${part.kind}`;
  text.textContent = words(part, texts);
  return made;
}

function follow(article) {
  const texts = article.dataset;
  const parts = article.querySelector("[data-parts]");
  const end = () => {
    source.close();
    sources.delete(article);
    article.querySelector("[data-answered]").dispatchEvent(new Event("answered"));
  };
  const on = (name, act) => source.addEventListener(name, ({ data }) => {
    const stick = nearEnd();
    act(JSON.parse(data));
    if (stick) scrollTo(0, document.documentElement.scrollHeight);
  });
  const source = new EventSource(texts.stream);
  sources.set(article, source);
  const typing = () => [...article.querySelectorAll("input[name=reason]")].find((field) => field.value);
  const look = () => typing() || end();
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && setTimeout(look, POLL));
  if ("awaiting" in texts) {
    const news = () => typing() ? say(texts.changed) : end();
    for (const name of ["begin", "part", "delta", "decided", "done"]) source.addEventListener(name, news);
    return;
  }
  on("begin", () => {
    parts.replaceChildren();
    say(texts.answering);
  });
  on("part", ({ index, part }) => {
    const made = element(part, texts);
    if (parts.children[index]) parts.children[index].replaceWith(made);
    else parts.append(made);
    if (part.kind === "tool_call") say(words(part, texts));
  });
  on("delta", ({ index, text }) => parts.children[index]?.querySelector(".coming").append(text));
  on("done", ({ status }) => {
    const count = parts.innerText.split(/\s+/).filter(Boolean).length;
    const ends = { succeeded: texts.complete.replace("{n}", count), waiting: texts.waiting };
    say(ends[status] ?? texts.early);
    end();
  });
}

// A reason that was typed beside a call outlives what becomes of the others.

const reasons = new Map();

document.addEventListener("input", ({ target }) => {
  if (target.name === "reason") reasons.set(target.id, target.value);
});

function giveBack() {
  for (const [id, reason] of reasons) {
    const field = document.getElementById(id);
    if (field) field.value = reason;
  }
}

function start() {
  const coming = document.querySelector("[data-stream]");
  for (const button of document.querySelectorAll("[data-send]")) button.disabled = Boolean(coming);
  if (document.hidden) return;
  for (const [article, source] of sources) {
    if (article.isConnected) continue;
    source.close();
    sources.delete(article);
  }
  for (const article of document.querySelectorAll("[data-stream]")) if (!sources.has(article)) follow(article);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return start();
  for (const source of sources.values()) source.close();
  sources.clear();
});
onSwap(giveBack);
onSwap(start);
start();
