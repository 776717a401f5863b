// Updates the page every ten seconds. Without JavaScript, reload the page instead.
"use strict";
setInterval(async () => {
  if (document.hidden || document.querySelector("main :focus")) return;
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
}, 10000);
