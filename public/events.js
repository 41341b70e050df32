// Keeps open pages in step with their session. One visible tab of a browser listens for all of them, so that many tabs take
// one connection; it tells the others. What it says is only ever about the session: pages show it, and ask for the rest.
const api = document.querySelector("meta[name=hardtack-api]")?.content;
// Locks and channels are one for all that an origin serves. These are for the pages of one server.
const NAME = `hardtack ${new URL(api || "/", location).origin}`;
const part = (name) => document.querySelector(`[data-session=${name}]`);
const head = document.querySelector("nav.who");
const isSignedIn = () => !!head?.querySelector("form:not([hidden])");
const isGuarded = () => part("page").hasAttribute("data-guarded");
const call = (path, options) => fetch((api ?? "") + path, { credentials: "include", cache: "no-store", ...options });
const pause = (ms, signal) =>
  new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      done();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over);
  });
const channel = new BroadcastChannel(NAME);

/** The public handle of the session that this page shows. A page that is a file learns it from the first that it hears. */
let own = part("page")?.dataset.own;

/** Until when the session lives, as far as this page knows; whether that is soon, and whether using the session helps. */
let due;
/** Nothing is shown of the session any more: it is over by all that this page knows, and the server does not answer. */
let over = false;
/** The last click, and when the page set out for another one. By a clock that is never set. */
let acted = -Infinity;
let departed = -Infinity;
/** The next attempt to empty the page. */
let waiting;

/** By two clocks, because one is never set and may stand still while the machine sleeps, and the other goes on and may be set. */
const until = (seconds, what, steady = performance.now(), wall = Date.now()) =>
  ({ ...what, steady: steady + seconds * 1000, wall: wall + seconds * 1000 });
/** How many milliseconds are left. The clock that says less counts: where it is wrong, the server is asked before anything is hidden. */
const left = () => Math.min(due.steady - performance.now(), due.wall - Date.now());

/** Tells the other pages that there is something to ask for. */
const tell = (event) => channel.postMessage({ event });

/** Takes a message for a hint and no more: any page of this origin can say anything, so the server is asked. */
function hear(message) {
  const event = message?.event;
  if (event === "here") {
    // Somebody is signed in by now. Whoever shows nobody is out of date.
    if (!isSignedIn() && head?.querySelector("a[href^='/login']:not([hidden])")) location.reload();
    else if (due?.soon && turn?.listens) tell("expiring");
  } else if (event && isSignedIn()) {
    // Not all at once: the streams of one session have few places.
    setTimeout(ask, Math.random() * 500);
  }
}

/** What the server says of a session that lives. */
function learn({ seconds, soon, stays, session }) {
  // It was hidden; or the browser has another session by now, and maybe another person's.
  if (over || (session && own && own !== session)) return leave();
  own = session ?? own;
  due = until(seconds, { soon, stays });
  show();
}

/** Empties the page. It may be on its way where somebody has just clicked or waits for an answer, and knows better where to. */
function end() {
  clearTimeout(waiting);
  const now = performance.now();
  if (now - acted < 1500 || now - departed < 15_000 || document.querySelector("form[aria-busy]")) {
    waiting = setTimeout(() => isSignedIn() && end(), 500);
    return;
  }
  due = undefined;
  over = false;
  if (api !== undefined) document.cookie = `account${location.port}=; Path=/; Max-Age=0`;
  // A page of whoever is signed in: its server, or what guards a file, leads on from here.
  if (isGuarded()) return leave();
  head.hidden = false;
  head.replaceChildren(part("nobody").content.cloneNode(true));
  hide();
  show("ended");
}

function hide() {
  for (const own of document.querySelectorAll("[data-session=own]")) own.hidden = true;
}

function leave() {
  document.getElementById("main").hidden = true;
  location.reload();
}

/** Hides what is the session's, without a word of the server: its time is up. */
function vanish() {
  over = true;
  if (isGuarded()) document.getElementById("main").hidden = true;
  head.hidden = true;
  hide();
  show();
}

let ticking;
function show(ended) {
  clearTimeout(ticking);
  const soon = due?.soon && !over;
  const seconds = soon ? Math.max(0, Math.round(left() / 1000)) : 0;
  part("soon").hidden = !soon;
  part("stay").hidden = !(soon && due.stays);
  part("over").hidden = !over;
  part("ended").hidden = !ended;
  if (!soon) part("unkept").hidden = true;
  part("left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (!due || over) return;
  if (left() < -2000 && !due.asked) {
    // The time is up, and the page has not heard that the session has ended or that it lives longer.
    due.asked = true;
    const asked = due;
    ask();
    setTimeout(() => due === asked && isSignedIn() && vanish(), 5000);
  }
  ticking = setTimeout(show, due.soon ? 1000 : Math.max(1000, Math.min(15_000, left() + 2500)));
}

let keeping = false;
part("stay")?.addEventListener("click", async () => {
  if (keeping) return;
  keeping = true;
  part("unkept").hidden = true;
  // Any call that uses the session.
  const answer = await call("/api/profile", { signal: AbortSignal.timeout?.(10_000) }).catch(() => undefined);
  keeping = false;
  part("unkept").hidden = answer?.ok || answer?.status === 401;
  if (!part("unkept").hidden) return;
  if (answer.ok) due = undefined;
  show();
  tell("stayed");
  ask();
});

const open = (signal) => call("/api/events", { signal, headers: { accept: "text/event-stream" } });

/** The events of a stream, up to its end. One that is not even alive is given up. */
async function* events(body, stop) {
  let watch, text = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      watch = setTimeout(stop, 45_000);
      const { done, value } = await reader.read();
      clearTimeout(watch);
      if (done) return;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (event) yield { ...JSON.parse(data), event };
      }
    }
  } finally {
    clearTimeout(watch);
    reader.cancel().catch(() => {});
  }
}

/** How long to wait before the next attempt: as long as the server says and up to a half more, or longer each time. */
function rest(failed, answer) {
  const told = Number(answer?.headers.get("retry-after")) * 1000;
  if (told > 0) return Math.min(600_000, told) * (1 + Math.random() / 2);
  return Math.min(60_000, 1000 * 2 ** failed) * (0.5 + Math.random() / 2);
}

/** Asks the server, until it answers, whether the session lives. */
let asking;
async function ask() {
  if (asking) {
    asking.again = true;
    return;
  }
  const mine = (asking = {});
  for (let failed = 1; isSignedIn(); failed += 1) {
    const attempt = new AbortController();
    const late = setTimeout(() => attempt.abort(), 20_000);
    let answer, told;
    try {
      answer = await open(attempt.signal);
      if (answer.ok && answer.status !== 204) {
        for await (told of events(answer.body, () => attempt.abort())) break;
      }
    } catch {
      // The network, or our own giving up.
    }
    clearTimeout(late);
    attempt.abort();
    if (answer?.status === 204) end();
    else if (told?.event === "expiring") learn(told);
    // A server of another kind, which has no such thing.
    if (answer?.status === 404 || ((answer?.status === 204 || told?.event === "expiring") && !mine.again)) break;
    if (mine.again) mine.again = failed = 0;
    else await pause(rest(failed, answer));
  }
  asking = undefined;
}

/** Listens until it is this tab's turn no more, or until nobody is signed in. */
async function listen(mine) {
  mine.listens = true;
  const { signal } = mine.until;
  let ended = false;
  for (let failed = 0; !signal.aborted; ) {
    const begun = performance.now();
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let last, answer;
    try {
      // A proxy may hold the head back with the body: a stream that does not begin is given up like a silent one.
      const late = setTimeout(stop, 45_000);
      answer = await open(attempt.signal).finally(() => clearTimeout(late));
      if (answer.status === 204) ended = last = "over";
      // A server of another kind, which has no such thing.
      if (answer.status === 404) return;
      if (answer.ok && !last) {
        for await (const told of events(answer.body, stop)) {
          last = told.event;
          if (last !== "expiring") continue;
          if (ended) {
            tell("another");
            return leave();
          }
          if (told.soon || due?.soon) tell(told.soon ? "expiring" : "stayed");
          learn(told);
        }
      }
    } catch {
      // The network, or our own giving up. What was told ends is not asked for again and again.
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    if (ended) {
      tell("ended");
      return end();
    }
    // Asked once more: the browser may have another session by now, and with it another person.
    ended = last === "ended";
    if (ended) continue;
    failed = performance.now() - begun > 60_000 ? 0 : failed + 1;
    // After a change of the id, not before the page has its new cookie. Streams that were cut were cut for many at once.
    const wait = last === "changed" ? 1000 + Math.random() * 1000 : last ? Math.random() * 10_000 : rest(failed, answer);
    await pause(wait, signal);
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
    tell("here");
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
document.addEventListener("visibilitychange", () => {
  take();
  // Timers may have slept.
  if (due) show();
});
addEventListener("pagehide", () => turn?.until.abort());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) {
    clearTimeout(waiting);
    turn = undefined;
    departed = -Infinity;
    if (due) show();
  }
  take();
});
// A page that is a file learns who looks after it is shown.
if (head) new MutationObserver(take).observe(head, { subtree: true, childList: true, attributes: true });
take();
// The page came with a deadline, which counts from the moment at which it came.
const came = performance.getEntriesByType("navigation")[0]?.responseStart || undefined;
const lives = Number(part("page")?.dataset.left);
if (lives > 0) {
  due = until(lives, {}, came, came && performance.timeOrigin + came);
  show();
}
