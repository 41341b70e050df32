// Keeps open pages in step with their session. One visible tab of a browser listens for all tabs and tells the others, so
// that many tabs need one connection. Its messages are hints about the session only: the other pages ask the server.
const api = document.querySelector("meta[name=hardtack-api]")?.content;
// All pages of an origin share locks and channels, so the name has the server in it.
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

/** The public handle of the session that this page shows. An exported page learns it from the first event. */
let own = part("page")?.dataset.own;

/** The known deadline of the session, whether it is soon (`soon`), and whether a use of the session extends it (`stays`). */
let due;
/** Whether the session's data is hidden, because its deadline is over and the server does not respond. */
let over = false;
/** The times of the last click and of the last navigation, by a clock that is never set. */
let acted = -Infinity;
let departed = -Infinity;
/** The timer of the next attempt to end the page. */
let waiting;

/** A deadline by two clocks: one is never set, but may stand still during sleep; the other goes on, but may be set. */
const until = (seconds, what, steady = performance.now(), wall = Date.now()) =>
  ({ ...what, steady: steady + seconds * 1000, wall: wall + seconds * 1000 });
/** The milliseconds that are left, by the clock that shows less. If it is wrong, the server corrects it before anything is hidden. */
const left = () => Math.min(due.steady - performance.now(), due.wall - Date.now());

/** Tells the other pages to ask the server. */
const tell = (event) => channel.postMessage({ event });

/** Handles a message of another page. It is only a hint, because any page of this origin can send one, so the server is asked. */
function hear(message) {
  const event = message?.event;
  if (event === "here") {
    // The browser is signed in by now, so a page that shows the sign-in link is outdated.
    if (!isSignedIn() && head?.querySelector("a[href^='/login']:not([hidden])")) location.reload();
    else if (due?.soon && turn?.listens) tell("expiring");
  } else if (event && isSignedIn()) {
    // At random times, because a session may have only a few streams.
    setTimeout(ask, Math.random() * 500);
  }
}

/** Handles the server's report about a live session. */
function learn({ seconds, soon, stays, session }) {
  // The data was hidden, or the browser has another session by now, maybe of another account.
  if (over || (session && own && own !== session)) return leave();
  own = session ?? own;
  due = until(seconds, { soon, stays });
  show();
}

/** Ends the page. Waits while a click, a navigation or a form is under way, because that may lead to another page. */
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
  // A page for signed-in visitors reloads: its server, or the program of an exported page, redirects.
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

/** Hides the session's data without a response of the server, because the deadline is over. */
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
    // The deadline is over, and the page has not learned that the session has ended or lives longer.
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
  // Any request that uses the session would do.
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

/** Yields the events of a stream until its end. A stream without any data for 45 s is stopped. */
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

/** Returns the wait before the next attempt: the server's `Retry-After` and up to a half more, or longer each time. */
function rest(failed, answer) {
  const told = Number(answer?.headers.get("retry-after")) * 1000;
  if (told > 0) return Math.min(600_000, told) * (1 + Math.random() / 2);
  return Math.min(60_000, 1000 * 2 ** failed) * (0.5 + Math.random() / 2);
}

/** Asks the server whether the session lives, until it responds. */
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
      // The network, or our own abort.
    }
    clearTimeout(late);
    attempt.abort();
    if (answer?.status === 204) end();
    else if (told?.event === "expiring") learn(told);
    // Another kind of server, without events.
    if (answer?.status === 404 || ((answer?.status === 204 || told?.event === "expiring") && !mine.again)) break;
    if (mine.again) mine.again = failed = 0;
    else await pause(rest(failed, answer));
  }
  asking = undefined;
}

/** Listens until this tab's turn is over, or until the session has ended. */
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
      // A proxy may hold the response back: a stream that does not begin is stopped like a silent one.
      const late = setTimeout(stop, 45_000);
      answer = await open(attempt.signal).finally(() => clearTimeout(late));
      if (answer.status === 204) ended = last = "over";
      // Another kind of server, without events.
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
      // The network, or our own abort. After an `ended` event, this one check is the last.
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    if (ended) {
      tell("ended");
      return end();
    }
    // Checks once more, because the browser may have another session by now, maybe of another account.
    ended = last === "ended";
    if (ended) continue;
    failed = performance.now() - begun > 60_000 ? 0 : failed + 1;
    // After a new id, waits for the new cookie. A cut stream waits at random, because many are cut at once.
    const wait = last === "changed" ? 1000 + Math.random() * 1000 : last ? Math.random() * 10_000 : rest(failed, answer);
    await pause(wait, signal);
  }
}

/** This tab's turn to listen, or its place in the queue for it. */
let turn;
function take() {
  const wants = isSignedIn() && document.visibilityState === "visible";
  if (wants && !turn) {
    const mine = (turn = { until: new AbortController() });
    const { signal } = mine.until;
    const begin = () => listen(mine);
    // Without locks, which plain http has on localhost only, each visible tab listens for itself.
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
  // Not `beforeunload`: it keeps pages out of some browsers' back/forward cache, and other browsers never fire it.
  addEventListener("submit", (event) => event.defaultPrevented || depart());
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]:not([target], [download])");
    const elsewhere = event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey;
    if (link && !elsewhere && link.pathname + link.search !== location.pathname + location.search) depart();
  });
  // The navigations of our program: see `browser/place.rs`.
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
// An exported page finds out the account after it is shown.
if (head) new MutationObserver(take).observe(head, { subtree: true, childList: true, attributes: true });
take();
// The page came with a deadline, which counts from the arrival of the page.
const came = performance.getEntriesByType("navigation")[0]?.responseStart || undefined;
const lives = Number(part("page")?.dataset.left);
if (lives > 0) {
  due = until(lives, {}, came, came && performance.timeOrigin + came);
  show();
}
