// Reads: [data-copy] (the value; empty: what is shown), data-source (id of what shows it), data-copied, data-failed.
import { say } from "./adapter.js";

// Without a clipboard (plain HTTP) what shows the value is selected.
async function copy({ copy: value, source, copied, failed }) {
  const shown = document.getElementById(source);
  try {
    await navigator.clipboard.writeText(value || shown.innerText);
    say(copied);
  } catch {
    if (shown?.select) shown.select();
    else if (shown) getSelection().selectAllChildren(shown);
    say(failed);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button) copy(button.dataset);
});
