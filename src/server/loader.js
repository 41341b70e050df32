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
  const begin = () => {
    for (const touch of ["pointerdown", "focusin", "keydown"]) addEventListener(touch, wake);
    // Without it, pages learn of the session's end at their next request.
    const idle = () => (wake(), import(events).catch(warn("nothing listens to the session")));
    "requestIdleCallback" in window ? requestIdleCallback(idle, { timeout: 2000 }) : setTimeout(idle, 200);
  };
  // A prerendered page waits until it is shown, because its calls are speculative until then and store nothing.
  document.prerendering ? document.addEventListener("prerenderingchange", begin, { once: true }) : begin();
}
