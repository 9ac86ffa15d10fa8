// Takes the data of a [data-copy] (the value; empty: what is shown): source (id of what shows it), copied, failed.
import { say } from "./adapter.js";

/** Copies; without a clipboard (plain HTTP) what shows the value is selected. */
export async function copy({ copy: value, source, copied, failed }) {
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
