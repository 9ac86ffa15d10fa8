// Copy buttons. Reads: [data-copy] (the value), data-source (id of the element that shows it), data-copied, data-failed.
import { say } from "./adapter.js";

function select(element) {
  if (element instanceof HTMLInputElement) {
    element.focus();
    element.select();
  } else {
    getSelection().selectAllChildren(element);
  }
}

/** Without a clipboard (plain HTTP, or refused) the shown value is selected, ready for Ctrl C. */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say(button.dataset.copied);
    button.title = button.dataset.copied;
  } catch {
    const source = document.getElementById(button.dataset.source);
    if (source) select(source);
    say(button.dataset.failed);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button) copy(button);
});
