// What every page starts with: the modules it has a use for, times that stay true, and the zone told to the server.
// Reads: [data-copy], form[data-later] and form[data-autosave] (their modules wait for the focus), sessionStorage,
// time[data-ago] with datetime and title; template #ago with the words. Writes: cookie time_zone.
import { onSwap } from "./adapter.js";

const NEEDS = {
  "#palette": "./keys.js",
  "form[data-form]:not([data-later])": "./form.js",
  "form[data-dirty]": "./kept.js",
  "#results": "./list.js",
  "[data-thread]": "./thread.js",
  "[data-stream]": "./stream.js",
};
const MINUTE = 60000;
const DAY = 24 * 60;

function load() {
  for (const [selector, module] of Object.entries(NEEDS)) {
    if (document.querySelector(selector)) import(module);
  }
}

document.addEventListener("focusin", ({ target }) => {
  if (target.closest("[data-later]")) import("./form.js");
  if (target.closest("[data-autosave]")) import("./autosave.js");
});

// Without a connection it is asked for again with the next letter.
document.addEventListener("input", ({ target }) => {
  if (target.closest("form[method=post]")) import("./kept.js").catch(Boolean);
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button) (await import("./copy.js")).copy(button);
});

function words(time, now) {
  const form = document.getElementById("ago").dataset;
  const distance = Date.parse(time.dateTime) - now;
  const minutes = Math.floor(Math.abs(distance) / MINUTE);
  if (minutes >= DAY) return time.title.split(",")[0];
  if (minutes < 1) return distance <= 0 ? form.now : form.soon;
  const hours = Math.floor(minutes / 60);
  const amount = hours ? form.hours.replace("{n}", hours) : form.minutes.replace("{n}", minutes);
  return (distance <= 0 ? form.past : form.future).replace("{amount}", amount);
}

function refresh() {
  for (const time of document.querySelectorAll("time[data-ago]")) time.textContent = words(time, Date.now());
}

setInterval(refresh, MINUTE);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
window.addEventListener("pageshow", ({ persisted }) => persisted && refresh());

const zone = `time_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
if (!document.cookie.split("; ").includes(zone)) document.cookie = `${zone}; path=/; max-age=31536000; samesite=lax`;

load();
onSwap(load);
if (sessionStorage.getItem("kept")) import("./kept.js");
