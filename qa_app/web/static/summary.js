// The summary below an answer: asked for with a button, and cancelled with one.
(() => {
  "use strict";

  const FAILED = "The summary did not arrive. The answer stands as it is.";
  const find = (selector, root) => root.querySelector(selector);
  let running = null;

  const write = async (section) => {
    running?.abort();
    const own = new AbortController();
    running = own;
    const start = find("[data-summarise]", section);
    const stop = find("[data-summary-stop]", section);
    const place = find("[data-summary-text]", section);
    place.textContent = "Writing …";
    start.hidden = true;
    stop.hidden = false;
    stop.focus();
    let said = FAILED;
    try {
      const response = await fetch("summary", {
        method: "POST",
        signal: own.signal,
        body: JSON.stringify({ search: section.dataset.summary, quotes: section.dataset.quotes }),
      });
      if (!response.ok) throw new Error(response.statusText);
      // Made by the server's template, which escapes every text.
      place.innerHTML = await response.text();
      const struck = place.querySelectorAll(".struck").length;
      const all = place.querySelectorAll("li").length;
      said = all
        ? `Summary of ${all} sentences, ${struck} struck out.`
        : place.textContent.trim();
    } catch {
      said = own.signal.aborted ? "Cancelled." : FAILED;
      place.textContent = said;
    }
    const focused = document.activeElement === stop;
    start.hidden = false;
    stop.hidden = true;
    if (focused) start.focus();
    if (section.isConnected) window.desk.announce(said);
  };

  document.addEventListener("click", (event) => {
    const section = event.target.closest?.("[data-summary]");
    if (!section) return;
    if (event.target.closest("[data-summarise]")) write(section);
    if (event.target.closest("[data-summary-stop]")) running?.abort();
  });
})();
