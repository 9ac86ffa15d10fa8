// Reads: [data-copy] (the value), data-source (id of what shows it), data-copied, data-failed.
import { say } from "./adapter.js";

// Without a clipboard (plain HTTP) what shows the value is selected.
async function copy({ copy: value, source, copied, failed }) {
  try {
    await navigator.clipboard.writeText(value);
    say(copied);
  } catch {
    const shown = document.getElementById(source);
    if (shown?.select) shown.select();
    else if (shown) getSelection().selectAllChildren(shown);
    say(failed);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button) copy(button.dataset);
});
