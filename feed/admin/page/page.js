// Updates the page every ten seconds, unless a person is filling in a form. Without JavaScript, reload the page instead.
"use strict";
async function update() {
  if (document.hidden || document.querySelector("main :focus, main details[open]")) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of ["main", "footer"]) {
      const fresh = next.querySelector(part);
      if (fresh) document.querySelector(part).replaceWith(fresh);
    }
  } catch {
    // The server did not respond; the next attempt may succeed.
  }
}
setInterval(update, 10000);
