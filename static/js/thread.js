// Messages: copy buttons on code, images in a dialog, and the place kept when older or newer messages come in.
// Reads: .md pre, template #code-copy, a[data-image], #image-dialog with #image-large, a[data-keep] (id of a message).
import { onSwap } from "./adapter.js";

const byId = (id) => document.getElementById(id);

function furnish() {
  for (const code of document.querySelectorAll(".md pre:not([data-copied])")) {
    const button = byId("code-copy").content.firstElementChild.cloneNode(true);
    button.dataset.copy = code.textContent;
    button.classList.add("code-copy");
    code.dataset.copied = "";
    const frame = code.closest("figure") ?? document.createElement("div");
    if (!frame.isConnected) {
      frame.className = "code";
      code.before(frame);
      frame.append(code);
    }
    frame.append(button);
  }
}

let top;

document.addEventListener("click", (event) => {
  const { target } = event;
  const kept = target.closest("[data-keep]");
  if (kept) top = byId(kept.dataset.keep)?.getBoundingClientRect().top;
  const link = target.closest("[data-image]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [shown, large] = [link.querySelector("img"), byId("image-large")];
  large.src = link.href;
  large.alt = shown.alt;
  byId("image-dialog").showModal();
});

furnish();
onSwap((_, source) => {
  furnish();
  const message = byId(source.dataset.keep);
  if (message && top !== undefined) window.scrollBy(0, message.getBoundingClientRect().top - top);
  message?.focus({ preventScroll: true });
  top = undefined;
});
