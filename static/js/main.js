// Loads the modules that the page has a use for; a module that a swapped fragment needs comes with the swap.
import { onSwap } from "./adapter.js";
import "./time.js";

const NEEDS = {
  "#palette": "./keys.js",
  "form": "./form.js",
  "#results": "./list.js",
  "[data-copy]": "./copy.js",
};

function load() {
  for (const [selector, module] of Object.entries(NEEDS)) {
    if (document.querySelector(selector)) import(module);
  }
}

load();
onSwap(load);
