// Wakes the islands: when the browser is idle, or at the first touch. Until then the page works without them. What listens to
// what becomes of the session follows when the browser is idle.
(script, wasm, events) => {
  let woken;
  const wake = () => (woken ??= import(script).then(async (module) => {
    await module.default({ module_or_path: wasm });
    module.hydrate();
    // Document order: an island is awake before those inside its children.
    for (const island of document.querySelectorAll("leptos-island")) {
      island.parentElement.closest("leptos-children")?.$$on_hydrate?.();
      await module[island.dataset.component]?.(island);
    }
  }).catch((error) => {
    // The forms go on working; the next touch tries again.
    woken = undefined;
    console.warn("the islands could not be loaded", error);
  }));
  for (const touch of ["pointerdown", "focusin", "keydown"]) addEventListener(touch, wake);
  // Without it, pages learn of the session's end at their next request.
  const idle = () => (wake(), import(events).catch((error) => console.warn("nothing listens to the session", error)));
  "requestIdleCallback" in window ? requestIdleCallback(idle, { timeout: 2000 }) : setTimeout(idle, 200);
}
