// Takes a [data-copy] (value; empty: what is shown) with data-source (id) or data-beside (selector), -copied, -failed.
import { say } from "./adapter.js";

/** Copies; without a clipboard (plain HTTP) what shows the value is selected. */
export async function copy(button) {
  const { copy: value, source, beside, copied, failed } = button.dataset;
  const shown = beside ? button.closest("article").querySelector(beside) : document.getElementById(source);
  try {
    await navigator.clipboard.writeText(value || shown.innerText);
    say(copied);
  } catch {
    if (shown?.select) shown.select();
    else if (shown) getSelection().selectAllChildren(shown);
    say(failed);
  }
}
