// Hydrates the islands when the browser is idle, or at the first interaction. Until then the page works without them. The
// script that listens to the session is loaded when the browser is idle.
(script, wasm, events) => {
  const warn = (what) => (error) => console.warn(what, error);
  // Extensions, translators and proxies change pages. Hydration finds elements by their order, so a changed island is not
  // hydrated, and its form posts. See `app/parts/island.rs`.
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
  // One by one, so that the failure of one island does not affect the others. No island is hydrated twice.
  const rouse = (module) => {
    const attempt = (name, ...island) => {
      try {
        module[name](...island);
      } catch (error) {
        warn("an island could not be hydrated")(error);
      }
    };
    attempt("hydrate");
    // `hydrate` has read the address.
    if (asks) forget();
    for (const island of document.querySelectorAll("leptos-island")) {
      if (digest(shape(island)) === island.dataset.shape) attempt(island.dataset.component, island);
      else warn("an island is not hydrated, because the page was changed")(island);
    }
  };
  let woken;
  const wake = () =>
    (woken ??= load().then(rouse, (error) => {
      // The forms still work; the next interaction tries again.
      woken = undefined;
      warn("the islands could not be loaded")(error);
    }));
  // The outcome of a form is shown once: it is removed from the address, so that a reload or a bookmark does not show it.
  const forget = () => {
    const words = location.search.slice(1).split("&");
    const kept = words.filter((word) => !/^(done|error|field|form)=/.test(word)).join("&");
    const query = kept && `?${kept}`;
    if (words.join("&") !== kept) history.replaceState(history.state, "", location.pathname + query + location.hash);
  };
  // An exported page trusts its address only if this tab has posted a form. A server has its own mark.
  const mark = (sent) => {
    try {
      const was = sessionStorage.getItem("sent");
      sent ? sessionStorage.setItem("sent", "1") : sessionStorage.removeItem("sent");
      return was;
    } catch {
      // Storage is blocked, and then cookies are, too.
    }
  };
  const asks = document.querySelector("meta[name=hardtack-api]") && mark(false);
  if (!asks) forget();
  // A form is posted once, however often its button is clicked before the next page loads.
  let sent = new WeakSet();
  const free = () => (sent = new WeakSet());
  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (sent.has(event.target)) return event.preventDefault();
    sent.add(event.target);
    mark(true);
    // Some browsers do not report that a navigation was aborted.
    setTimeout(free, 30_000);
  });
  globalThis.navigation?.addEventListener("navigateerror", free);
  addEventListener("pageshow", ({ persisted }) => persisted && free());
  const blocked = !navigator.cookieEnabled && document.querySelector("[data-cookies]");
  if (blocked) blocked.hidden = false;
  const begin = () => {
    for (const touch of ["pointerdown", "focusin", "keydown"]) addEventListener(touch, wake);
    // Without this script, pages learn of the session's end at their next request.
    const idle = () => (wake(), import(events).catch(warn("the session events could not be loaded")));
    "requestIdleCallback" in window ? requestIdleCallback(idle, { timeout: 2000 }) : setTimeout(idle, 200);
  };
  // A prerendered page waits until it is shown, because its calls are speculative until then and store nothing.
  document.prerendering ? document.addEventListener("prerenderingchange", begin, { once: true }) : begin();
}
