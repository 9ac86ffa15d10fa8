// Where toasts stand: under the top bar, moved down to the first place where they cover nothing to click.
// Reads: #toasts; main and what is in it to click. Writes: --down of #toasts, in pixels.

const CONTROLS = "main :is(a[href], button, input, select, textarea, summary, label)";
const GAP = 8;

const toasts = document.getElementById("toasts");

function covers(box, { top, bottom, left, right }) {
  return box.width && box.right > left && box.left < right && box.bottom + GAP > top && box.top < bottom + GAP;
}

function free(controls, { top, height, left, right }) {
  const boxes = controls
    .filter((control) => control.checkVisibility({ visibilityProperty: true }))
    .map((control) => control.getBoundingClientRect())
    .sort((one, other) => one.top - other.top);
  let start = top;
  for (const box of boxes) {
    if (covers(box, { top: start, bottom: start + height, left, right })) start = box.bottom + GAP;
  }
  return start + height > innerHeight ? undefined : start - top;
}

// Where controls leave no room they give way to the focus alone.
function place() {
  toasts.style.setProperty("--down", "0px");
  const place = toasts.getBoundingClientRect();
  const down = free([...document.querySelectorAll(CONTROLS)], place) ?? free([document.activeElement], place) ?? 0;
  toasts.style.setProperty("--down", `${Math.round(down)}px`);
}

// The page may have moved since.
document.addEventListener("focusin", ({ target }) => {
  if (!toasts.childElementCount || toasts.contains(target)) return;
  if (covers(target.getBoundingClientRect(), toasts.getBoundingClientRect())) place();
});

place();
new MutationObserver(([{ addedNodes }]) => addedNodes.length && place()).observe(toasts, { childList: true });
