// Wakes the islands: when the browser is idle, or at the first touch. Until then the page works without them. What listens to
// what becomes of the session follows when the browser is idle.
(script, wasm, events) => {
  const warn = (what) => (error) => console.warn(what, error);
  // Extensions, translators and proxies change pages. An island finds its parts by their order, so one that is not as the
  // server wrote it stays asleep, and its form posts. See `app/parts/island.rs`.
  const shape = ({ childNodes }) =>
    Array.from(childNodes, (node) => (node.localName ? `<${node.localName}${shape(node)}>` : node.nodeType === 3 ? "t" : "c")).join("");
  const digest = (text) => {
    let sum = 0;
    for (let at = 0; at < text.length; at += 1) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) >>> 0;
    return sum.toString(16);
  };
  const load = async () => {
    const module = await import(script);
    await module.default({ module_or_path: wasm });
    return module;
  };
  // One by one, so that the failure of one island leaves the others alone. No island is woken twice.
  const rouse = (module) => {
    const attempt = (name, ...island) => {
      try {
        module[name](...island);
      } catch (error) {
        warn("an island could not wake")(error);
      }
    };
    attempt("hydrate");
    // It has read what the address says.
    if (asks) forget();
    for (const island of document.querySelectorAll("leptos-island")) {
      if (digest(shape(island)) === island.dataset.shape) attempt(island.dataset.component, island);
      else warn("an island sleeps on, because something has changed it")(island);
    }
  };
  let woken;
  const wake = () =>
    (woken ??= load().then(rouse, (error) => {
      // The forms go on working; the next touch tries again.
      woken = undefined;
      warn("the islands could not be loaded")(error);
    }));
  // The outcome of a form is said once, so the address loses it: an address that is loaded anew, or kept, says nothing.
  const forget = () => {
    const words = location.search.slice(1).split("&");
    const kept = words.filter((word) => !/^(done|error|field|form)=/.test(word)).join("&");
    const query = kept && `?${kept}`;
    if (words.join("&") !== kept) history.replaceState(history.state, "", location.pathname + query + location.hash);
  };
  // A page that is a file believes its address when a form of this tab was posted before. A server has its own mark.
  const mark = (sent) => {
    try {
      const was = sessionStorage.getItem("sent");
      sent ? sessionStorage.setItem("sent", "1") : sessionStorage.removeItem("sent");
      return was;
    } catch {
      // No storage, and no cookies either.
    }
  };
  const asks = document.querySelector("meta[name=hardtack-api]") && mark(false);
  if (!asks) forget();
  // A form is posted once, however often its button is clicked before the next page comes.
  let sent = new WeakSet();
  const free = () => (sent = new WeakSet());
  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (sent.has(event.target)) return event.preventDefault();
    sent.add(event.target);
    mark(true);
    // Some browsers do not tell that the way to the next page was broken off.
    setTimeout(free, 30_000);
  });
  globalThis.navigation?.addEventListener("navigateerror", free);
  addEventListener("pageshow", ({ persisted }) => persisted && free());
  const blocked = !navigator.cookieEnabled && document.querySelector("[data-cookies]");
  if (blocked) blocked.hidden = false;
  const begin = () => {
    for (const touch of ["pointerdown", "focusin", "keydown"]) addEventListener(touch, wake);
    // Without it, pages learn of the session's end at their next request.
    const idle = () => (wake(), import(events).catch(warn("nothing listens to the session")));
    "requestIdleCallback" in window ? requestIdleCallback(idle, { timeout: 2000 }) : setTimeout(idle, 200);
  };
  // A prerendered page waits until it is shown, because its calls are speculative until then and store nothing.
  document.prerendering ? document.addEventListener("prerenderingchange", begin, { once: true }) : begin();
}
