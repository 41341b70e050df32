// Keeps open pages in step with their session. One visible tab of a browser listens for all of them, so that many tabs take
// one connection; it tells the others. What it says is only ever about the session: pages show it, and ask for the rest.
const NAME = "hardtack";
const api = document.querySelector("meta[name=hardtack-api]")?.content;
const part = (name) => document.querySelector(`[data-session=${name}]`);
const head = document.querySelector("nav.who");
const isSignedIn = () => !!head?.querySelector("form:not([hidden])");
const call = (path, options) => fetch((api ?? "") + path, { credentials: "include", cache: "no-store", ...options });
const pause = (ms, signal) =>
  new Promise((done) => {
    setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
const channel = new BroadcastChannel(NAME);

/** The public handle of the session that this page shows. A page that is a file learns it from the first that it hears. */
let own = part("page")?.dataset.own;

/** What little time is left: until when, and whether using the session helps. */
let soon;
/** The last click, and when the page set out for another one. By a clock that is never set. */
let acted = -Infinity;
let departed = -Infinity;
/** The next attempt to empty the page. */
let waiting;

const tell = (message) => {
  channel.postMessage(message);
  hear(message);
};

function hear({ event, at, stays, session }) {
  if (session && isSignedIn()) {
    // The browser has another session by now, and maybe another person's.
    if (own && own !== session) return leave();
    own = session;
  }
  if (event === "here") {
    // Somebody is signed in by now. Whoever shows nobody is out of date.
    if (!isSignedIn() && head?.querySelector("a[href^='/login']:not([hidden])")) location.reload();
    else if (soon && turn?.listens) channel.postMessage({ event: "expiring", ...soon });
  } else if (!isSignedIn()) {
    return;
  } else if (event === "ended") {
    end();
  } else if (event === "another") {
    leave();
  } else {
    soon = at && { at, stays };
    show();
  }
}

/** Empties the page. It may be on its way where somebody has just clicked or waits for an answer, and knows better where to. */
function end() {
  clearTimeout(waiting);
  const now = performance.now();
  if (now - acted < 1500 || now - departed < 15_000 || document.querySelector("form[aria-busy]")) {
    waiting = setTimeout(() => isSignedIn() && end(), 500);
    return;
  }
  soon = undefined;
  if (api !== undefined) document.cookie = "account=; Path=/; Max-Age=0";
  // A page of whoever is signed in: its server, or what guards a file, leads on from here.
  if (part("page").hasAttribute("data-guarded")) return leave();
  head.replaceChildren(part("nobody").content.cloneNode(true));
  for (const own of document.querySelectorAll("[data-session=own]")) own.hidden = true;
  show("ended");
}

function leave() {
  document.getElementById("main").hidden = true;
  location.reload();
}

let ticking;
function show(ended) {
  clearInterval(ticking);
  const left = soon ? Math.max(0, Math.round((soon.at - Date.now()) / 1000)) : 0;
  part("soon").hidden = !soon;
  part("stay").hidden = !soon?.stays;
  part("ended").hidden = !ended;
  part("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (soon) ticking = setInterval(show, 1000, ended);
}

part("stay")?.addEventListener("click", async () => {
  // Any call that uses the session.
  const answer = await call("/api/profile").catch(() => undefined);
  if (answer?.ok) tell({ event: "stayed" });
  else if (answer?.status === 401) tell({ event: "ended" });
});

/** Reads the stream to its end; the name of its last event. A stream that is not even alive is given up. */
async function read(body, stop, ended) {
  let last, watch, text = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      watch = setTimeout(stop, 45_000);
      const { done, value } = await reader.read();
      clearTimeout(watch);
      if (done) return last;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (event === "expiring") {
          const { seconds, soon, stays, session } = JSON.parse(data);
          if (ended) {
            tell({ event: "another" });
            return "over";
          }
          tell(soon ? { event, at: Date.now() + seconds * 1000, stays, session } : { event: "stayed", session });
        }
        last = event ?? last;
      }
    }
  } finally {
    clearTimeout(watch);
    reader.cancel().catch(() => {});
  }
}

/** Listens until it is this tab's turn no more, or until nobody is signed in. */
async function listen(mine) {
  mine.listens = true;
  const { signal } = mine.until;
  let ended = false;
  for (let failed = 0; !signal.aborted; ) {
    const begun = Date.now();
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let last;
    try {
      // A proxy may hold the head back with the body: a stream that does not begin is given up like a silent one.
      const late = setTimeout(stop, 45_000);
      const wanted = { signal: attempt.signal, headers: { accept: "text/event-stream" } };
      const answer = await call("/api/events", wanted).finally(() => clearTimeout(late));
      if (answer.status === 204) return tell({ event: "ended" });
      // A server of another kind, which has no such thing.
      if (answer.status === 404) return;
      if (answer.ok) last = await read(answer.body, stop, ended);
      if (last === "over") return;
    } catch {
      // The network, or our own giving up. What was told ends is not asked for again and again.
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    if (ended) return tell({ event: "ended" });
    // Asked once more: the browser may have another session by now, and with it another person.
    ended = last === "ended";
    if (ended) continue;
    failed = Date.now() - begun > 60_000 ? 0 : failed + 1;
    // After a change of the id, not before the page has its new cookie.
    const most = last === "changed" ? 2000 : Math.min(60_000, 1000 * 2 ** failed);
    await pause(most * (0.5 + Math.random() / 2), signal);
  }
}

/** This tab's turn to listen, or its place in the queue. */
let turn;
function take() {
  const wants = isSignedIn() && document.visibilityState === "visible";
  if (wants && !turn) {
    const mine = (turn = { until: new AbortController() });
    const { signal } = mine.until;
    const begin = () => listen(mine);
    // Without locks, which plain http has at this machine only, each visible tab listens for itself.
    (navigator.locks?.request(NAME, { signal }, begin) ?? begin()).catch(() => {});
    channel.postMessage({ event: "here" });
  } else if (!wants && turn) {
    turn.until.abort();
    turn = undefined;
  }
}

channel.addEventListener("message", ({ data }) => hear(data));
const depart = () => (departed = performance.now());
addEventListener("click", () => (acted = performance.now()), true);
if (globalThis.navigation) {
  navigation.addEventListener("navigate", ({ destination, downloadRequest }) => {
    if (!destination.sameDocument && downloadRequest === null) depart();
  });
  navigation.addEventListener("navigateerror", () => (departed = -Infinity));
} else {
  // Not by `beforeunload`: some browsers keep no page that listens to it, and others never tell.
  addEventListener("submit", (event) => event.defaultPrevented || depart());
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]:not([target], [download])");
    const elsewhere = event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey;
    if (link && !elsewhere && link.pathname + link.search !== location.pathname + location.search) depart();
  });
  // The program's own: see `browser/place.rs`.
  addEventListener("hardtack:go", depart);
}
document.addEventListener("visibilitychange", take);
addEventListener("pagehide", () => turn?.until.abort());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) {
    clearTimeout(waiting);
    turn = undefined;
    departed = -Infinity;
  }
  take();
});
// A page that is a file learns who looks after it is shown.
if (head) new MutationObserver(take).observe(head, { subtree: true, childList: true, attributes: true });
take();
