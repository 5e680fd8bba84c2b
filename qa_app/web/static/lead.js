// Following a lead by keyboard: more like the chosen quote, or the answer without it.
(() => {
  "use strict";

  const LEADS = { m: "like", n: "not" };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    const lead = LEADS[event.key];
    const result = document.activeElement.closest(".result");
    const link = lead && result?.querySelector(`[data-lead="${lead}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
  });
})();
