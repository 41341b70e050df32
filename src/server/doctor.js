// Examines this browser: asks the server in several ways, each of which needs one thing more, and leads to the server's
// page that says what the first that fails was. Every page may load it, and is then what is examined:
//
//   <script src="https://api.example.com/doctor.js"></script>
//
// An application with a client of its own, or one that is rendered by a server, may say so before that:
//
//   globalThis.hardtackDoctor = { client: (url) => axios.get(url), rendered: false }
//
// client: asks for an address as the application does, and gives the answer's JSON, or { data } as axios does;
// rendered: whether the page, as it was rendered, knew a session.
(() => {
  const part = (name) => document.querySelector(`[data-doctor=${name}]`);
  const exported = document.querySelector("meta[name=hardtack-api]");
  // As a module nobody says which script this is.
  const script = document.currentScript ?? document.querySelector("script[src$='/doctor.js']");
  const api = exported?.content || new URL(script.src).origin;
  const given = globalThis.hardtackDoctor ?? {};
  const examination = part("examination");
  const isOwn = !!examination && !exported;
  /** The server's own origin. Who looks at its page by another address may be no page of its own to it. */
  const named = examination?.dataset.server || api;
  let server;

  /** The server has answered, and not with what was asked for. */
  class Refused extends Error {
    constructor(status, how = "") {
      super(`The server answers with status ${status}${how}.`);
      this.status = status;
    }
  }

  const call = (path, options) =>
    fetch(api + path, { credentials: "include", cache: "no-store", signal: AbortSignal.timeout?.(10_000), ...options });

  const answered = (answer) => {
    if (!answer.ok) throw new Refused(answer.status);
    return answer;
  };
  const read = async (answer) => {
    const text = await answered(answer).text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Refused(answer.status, ", and not as it would: something on the way answers in its place");
    }
  };

  const attempt = async (ask) => {
    try {
      return { answered: (await ask()) ?? null };
    } catch (error) {
      if (error instanceof Refused && !(error.status === 403 && named !== location.origin)) throw error;
      // Refused as a page of another origin, which could not even read that.
      if (error instanceof Refused) server = named;
      return "failed";
    }
  };

  /** How many calls were answered at another attempt alone: one of several servers may be down. */
  let missed;

  /** The same, three times at most. What takes too long once does so again. */
  const insist = async (ask) => {
    for (let failed = 0; ; failed += 1) {
      const begun = Date.now();
      const result = await attempt(ask);
      if (result !== "failed") missed += failed;
      if (result !== "failed" || failed === 2 || Date.now() - begun > 5000) return result;
    }
  };

  /** Whether the visitor has denied access to the local network: browsers spell it differently. */
  async function isLocalNetworkDenied() {
    for (const name of ["local-network-access", "local-network", "loopback-network"]) {
      const permission = await navigator.permissions?.query({ name }).catch(() => undefined);
      if (permission?.state === "denied") return true;
    }
    return false;
  }

  async function examine() {
    [server, missed] = [api, 0];
    // The value of the test cookies, and the nonce that tells this examination's answers from those of others.
    const [test, nonce] = crypto.getRandomValues(new Uint32Array(2));
    let asked = 0;
    const echo = () => `/api/doctor/echo?test=${test}&nonce=${nonce}n${++asked}`;
    let violated = false;
    const note = ({ blockedURI, disposition, effectiveDirective }) => {
      if (disposition !== "enforce" || effectiveDirective !== "connect-src") return;
      violated ||= blockedURI === "self" || new URL(blockedURI, location.href).origin === api;
    };
    addEventListener("securitypolicyviolation", note);
    // On its own page a call may need cookies of whoever guards the server.
    const bare = api === location.origin ? "include" : "omit";
    const tries = {
      // Not its path, which may hold a secret.
      page: `${location.origin}/`,
      opaque: await insist(async () => void (await call("/doctor.js", { mode: "no-cors", credentials: bare }))),
      plain: "skipped",
      credentialed: "skipped",
      repeats: [],
      json: "skipped",
      failing: "skipped",
      application: "skipped",
      rendered: given.rendered ?? null,
      nonce: "",
      cached: false,
      own: isOwn,
      now: Math.floor(Date.now() / 1000),
    };
    await reach(tries, echo, test, bare);
    tries.server = `${server}/api/doctor/echo`;
    // The event comes after the call that it is about.
    await new Promise((done) => setTimeout(done));
    removeEventListener("securitypolicyviolation", note);
    tries.browser = {
      agent: navigator.userAgent.slice(0, 200),
      cookies: navigator.cookieEnabled,
      policy_violated: violated,
      local_network_denied: await isLocalNetworkDenied(),
    };
    return tries;
  }

  /** One after the other: after the first that fails no other says more. */
  async function reach(tries, echo, test, bare) {
    if (tries.opaque === "failed") return;
    tries.plain = await insist(async () => void (await call(echo(), { credentials: bare }).then(read)));
    if (tries.plain === "failed") return;
    const set = async () => void (await call(`/api/doctor/set?test=${test}`, { method: "POST" }).then(answered));
    tries.credentialed = await insist(set);
    if (tries.credentialed === "failed") return;
    tries.credentialed = await insist(async () => {
      const url = echo();
      tries.nonce = new URLSearchParams(url.split("?")[1]).get("nonce");
      return read(await call(url));
    });
    if (tries.credentialed === "failed") return;
    // A POST is kept by no cache, and the leave for it only where nobody forbids that.
    const json = { method: "POST", cache: "default", headers: { "content-type": "application/json" }, body: "{}" };
    // One address for all attempts: leave that was given to it is remembered.
    const url = echo();
    tries.json = await insist(async () => void (await call(url, json).then(read)));
    tries.failing = await insist(async () => void (await call("/api/doctor/fail")));
    for (let more = 0; more < 6; more += 1) {
      const known = await attempt(async () => (await call(echo()).then(read)).session);
      tries.repeats.push(known === "failed" ? null : known.answered);
    }
    tries.repeats.push(...Array(missed).fill(null));
    // One address, asked twice: what stands before the server may keep what it must not.
    const once = await attempt(async () => (await call("/api/doctor/echo").then(read)).answer);
    const again = await attempt(async () => (await call("/api/doctor/echo").then(read)).answer);
    tries.cached = !!once.answered && once.answered === again.answered;
    if (isOwn && examination.dataset.rendered) {
      // As it is rendered now: the session may have begun meanwhile.
      const anew = await attempt(async () => (await call("/doctor")).text());
      const [, rendered] = /data-rendered="(true|false)"/.exec(anew.answered) ?? [];
      tries.rendered = rendered ? rendered === "true" : null;
    }
    if (given.client) {
      tries.application = await attempt(async () => {
        const late = new Promise((_, fail) => setTimeout(fail, 10_000, new Error("no answer")));
        const answer = await Promise.race([given.client(api + echo()), late]);
        return (answer.data?.data ?? answer.data ?? answer).test_cookie === true;
      });
    }
  }

  const page = (tries) => `${api}/doctor?tries=${encodeURIComponent(JSON.stringify(tries))}`;

  async function run(say) {
    if (self.origin === "null" || !location.protocol.startsWith("http")) {
      return say("This page has no origin that a server could let in. Serve it over http: python3 -m http.server");
    }
    if (top !== self) return say("This page is in a frame, where cookies are the outer page's guests. Open it in a tab.");
    say("Asking the server.");
    const unreached = part("unreached");
    if (unreached) unreached.hidden = true;
    try {
      // Two tabs at once would take each other's test cookies for lost.
      const tries = await (navigator.locks?.request("hardtack-doctor", examine) ?? examine());
      if (tries.opaque !== "failed" || !unreached) return location.assign(page(tries));
      unreached.querySelector("a").href = page(tries);
      unreached.hidden = false;
      say("");
    } catch (error) {
      say(`${error.message} Try again in a moment.`);
    }
  }

  const copy = part("copy");
  copy?.addEventListener("click", async () => {
    const text = part("text");
    getSelection().selectAllChildren(text);
    // Over plain http there is no clipboard. Then it is selected, to be copied by hand.
    await navigator.clipboard?.writeText(text.textContent.trim());
    copy.textContent = navigator.clipboard ? "Copied" : "Selected";
  });
  if (copy) copy.hidden = false;

  const button = part("examine");
  if (button) {
    button.disabled = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      await run((text) => (part("status").textContent = text));
      button.disabled = false;
    });
  } else if (!part("text")) {
    run((text) => text && console.info(`Hardtack's doctor: ${text}`));
  }
})();
